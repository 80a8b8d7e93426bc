"""A plan is what the broker's scripts know of an operation: it has the name of its content."""

import json
from typing import Any

import pytest

from bff.catalog.model import Call, Compensation, Operation, Outcomes, Parameters, Priority, Request
from bff.catalog.plan import Plan, plan_of


class Nothing(Parameters):
    pass


def build(parameters: Nothing, outcomes: Outcomes) -> Request:
    return Request("POST", "/")


def a_call(name: str, service: str = "quick", **more: Any) -> Call:
    return Call(name=name, service=service, build=build, **more)


def a_plan(*calls: Call, **more: Any) -> Plan:
    defaults: dict[str, Any] = {"name": "talk", "summary": "Talk.", "timeout_seconds": dict.fromkeys(Priority, 10.0)}
    operation = Operation(parameters=Nothing, example={}, calls=calls, **{**defaults, **more})
    return plan_of(operation)


UNDO = Compensation(name="undo", service="slow", build=build)
FIRST = a_plan(a_call("a"), a_call("b", after=("a",), required=False))


def test_its_name_is_the_same_in_every_process() -> None:
    """Gateways and workers of one version must agree on it without talking to each other."""
    assert a_plan(a_call("a")).id == "0babbadb45c6"


@pytest.mark.parametrize(
    "same",
    [
        a_plan(a_call("a"), a_call("b", after=("a",), required=False), summary="Else."),
        a_plan(a_call("a", at_most_once=True), a_call("b", after=("a",), required=False)),
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
        a_plan(a_call("a"), a_call("b", after=("a",), required=False, fallback={})),
        a_plan(a_call("a", cache_seconds=5), a_call("b", after=("a",), required=False)),
        a_plan(a_call("a"), a_call("b", after=("a",), required=False), name="talk-2"),
    ],
    ids=["a name", "a service", "an order", "required", "a compensation", "a fallback", "a cache", "the operation"],
)
def test_what_scripts_see_makes_it_another(other: Plan) -> None:
    assert other.id != FIRST.id


def test_a_call_stands_in_it_with_all_that_scripts_need() -> None:
    assert json.loads(
        a_plan(a_call("a", "slow", compensation=UNDO, cache_seconds=5, fallback={"items": []})).document
    ) == {
        "operation": "talk",
        "calls": [
            {
                "name": "a",
                "service": "slow",
                "after": [],
                "required": True,
                "undo": {"name": "undo", "service": "slow"},
                "fallback": '{"items":[]}',
                "cached": True,
            }
        ],
    }
