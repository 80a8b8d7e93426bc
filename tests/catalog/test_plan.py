"""A plan is what the broker's scripts know of an operation: it has the name of its content."""

import json
from typing import Any

import pytest

from bff.catalog.model import Call, Compensation, Operation, Outcomes, Parameters, Priority, Request
from bff.catalog.plan import Plan, plan_of
from bff.catalog.services import Service


class Nothing(Parameters):
    pass


def build(parameters: Nothing, outcomes: Outcomes) -> Request:
    return Request("POST", "/")


def a_service(name: str, expected_seconds: float) -> Service:
    return Service(
        name=name,
        base_url="http://127.0.0.1",
        max_concurrency=1,
        timeout_seconds=600,
        expected_seconds=expected_seconds,
        capacity=1,
    )


SERVICES = {name: a_service(name, seconds) for name, seconds in {"quick": 0.01, "slow": 0.5, "slower": 2.0}.items()}


def a_call(name: str, service: str = "quick", **more: Any) -> Call:
    return Call(name=name, service=service, build=build, **more)


def a_plan(*calls: Call, **more: Any) -> Plan:
    defaults: dict[str, Any] = {"name": "talk", "summary": "Talk.", "timeout_seconds": dict.fromkeys(Priority, 10.0)}
    operation = Operation(parameters=Nothing, example={}, calls=calls, **{**defaults, **more})
    return plan_of(operation, SERVICES)


def rest_ms(*calls: Call) -> dict[str, int]:
    return {call["name"]: call["rest_ms"] for call in json.loads(a_plan(*calls).document)["calls"]}


UNDO = Compensation(name="undo", service="slow", build=build)
FIRST = a_plan(a_call("a"), a_call("b", after=("a",), required=False))


def test_its_name_is_the_same_in_every_process() -> None:
    """Gateways and workers of one version must agree on it without talking to each other."""
    assert a_plan(a_call("a")).id == "2d8aec34b160"


@pytest.mark.parametrize(
    "same",
    [
        a_plan(a_call("a"), a_call("b", after=("a",), required=False), summary="Else."),
        a_plan(a_call("a", cache_seconds=5), a_call("b", after=("a",), required=False, fallback={})),
        a_plan(a_call("a"), a_call("b", after=("a",), required=False), timeout_seconds=dict.fromkeys(Priority, 20.0)),
    ],
    ids=["a summary", "what only workers know", "a timeout"],
)
def test_what_scripts_do_not_see_leaves_it_as_it_is(same: Plan) -> None:
    assert same == FIRST


@pytest.mark.parametrize(
    "other",
    [
        a_plan(a_call("a"), a_call("c", after=("a",), required=False)),
        a_plan(a_call("a"), a_call("b", "slow", after=("a",), required=False)),
        a_plan(a_call("a"), a_call("b", required=False)),
        a_plan(a_call("a"), a_call("b", after=("a",))),
        a_plan(a_call("a", compensation=UNDO), a_call("b", after=("a",), required=False)),
        a_plan(a_call("a"), a_call("b", after=("a",), required=False), name="talk-2"),
    ],
    ids=["a name", "a service", "an order", "required", "a compensation", "the operation"],
)
def test_what_scripts_see_makes_it_another(other: Plan) -> None:
    assert other.id != FIRST.id


def test_a_call_stands_in_it_with_all_that_scripts_need() -> None:
    assert json.loads(a_plan(a_call("a", "slow", compensation=UNDO)).document) == {
        "operation": "talk",
        "calls": [
            {
                "name": "a",
                "service": "slow",
                "after": [],
                "required": True,
                "expected_ms": 500,
                "rest_ms": 500,
                "undo": {"name": "undo", "service": "slow"},
            }
        ],
    }


def test_a_call_leaves_time_for_the_longest_path_behind_it() -> None:
    calls = [
        a_call("a", "slow"),
        a_call("b", "quick", after=("a",)),
        a_call("c", "slower", after=("a",)),
        a_call("d", "quick", after=("b", "c")),
    ]
    assert rest_ms(*calls) == {"a": 2510, "b": 20, "c": 2010, "d": 10}


def test_a_call_leaves_no_time_for_what_is_optional() -> None:
    assert rest_ms(a_call("a"), a_call("b", "slower", after=("a",), required=False)) == {"a": 10, "b": 2000}


def test_calls_side_by_side_leave_no_time_for_each_other() -> None:
    assert rest_ms(a_call("a"), a_call("b", "slower")) == {"a": 10, "b": 2000}
