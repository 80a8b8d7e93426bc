"""A catalog that contradicts itself is refused at start, with one line that names the place and what is allowed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bff.catalog.catalog import load_catalog
from bff.catalog.model import Call, Compensation, Operation, Outcomes, Parameters, Priority, Request
from bff.catalog.operations import OPERATIONS
from bff.catalog.services import SHIPPED_SERVICES, CatalogError, read_services

GOOD = {
    "base_url": '"http://127.0.0.1:9000"',
    "max_concurrency": "10",
    "timeout_seconds": "2.0",
    "expected_seconds": "0.1",
    "capacity": "100",
}


def a_file(directory: Path, more: Mapping[str, str] = {}, less: str = "") -> Path:
    """One service `echo`; its table stands on line 2."""
    lines = [f"{key} = {value}" for key, value in {**GOOD, **more}.items() if key != less]
    file = directory / "services.toml"
    file.write_text("\n".join(["# ours", "[services.echo]", *lines]) + "\n")
    return file


class Text(Parameters):
    text: str


def build(parameters: Text, outcomes: Outcomes) -> Request:
    return Request("POST", "/", {"text": parameters.text})


def a_call(name: str = "echo", service: str = "echo", **more: Any) -> Call:
    return Call(name=name, service=service, build=build, **more)


def an_operation(*calls: Call, **more: Any) -> Operation:
    defaults: dict[str, Any] = {
        "name": "talk",
        "summary": "Talk.",
        "parameters": Text,
        "example": {"text": "hi"},
        "calls": calls or (a_call(),),
        "timeout_seconds": dict.fromkeys(Priority, 10.0),
    }
    return Operation(**{**defaults, **more})


def complaint(directory: Path, *operations: Operation, services: Path | None = None) -> str:
    with pytest.raises(CatalogError) as refused:
        load_catalog(services or a_file(directory), operations=operations or [an_operation()])
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_shipped_catalog_is_in_order() -> None:
    catalog = load_catalog()
    assert list(catalog.operations) == ["echo", "checkout", "home-screen", "report"]


@pytest.mark.parametrize(
    ("more", "less", "line", "said"),
    [
        ({"max_concurency": "3"}, "", 8, "unknown key; allowed: base_url, capacity"),
        ({}, "capacity", 2, "services.echo.capacity: is missing"),
        ({"max_concurrency": "0"}, "", 4, "services.echo.max_concurrency: Input should be greater than or equal to 1"),
        ({"base_url": '"ftp://x"'}, "", 3, "services.echo.base_url"),
        ({"base_url": '"${NOWHERE}/x"'}, "", 3, "variable 'NOWHERE' is not set"),
        ({"expected_seconds": "3.0"}, "", 2, "expected_seconds 3 is above timeout_seconds 2"),
        ({"shares": "{ high = 2.0 }"}, "", 2, "shares needs high, normal and low"),
        ({"max_wait_seconds": "{ hihg = 2.0 }"}, "", 8, "services.echo.max_wait_seconds.hihg"),
        ({"retry": "{ attempts = 0 }"}, "", 8, "services.echo.retry.attempts"),
        ({"retry": "{ base_seconds = 9.0, max_seconds = 1.0 }"}, "", 8, "base_seconds 9 is above max_seconds 1"),
        ({"capacity": '"many"'}, "", 7, "services.echo.capacity"),
    ],
)
def test_a_services_file_is_refused_with_the_line(
    tmp_path: Path, more: dict[str, str], less: str, line: int, said: str
) -> None:
    text = complaint(tmp_path, services=a_file(tmp_path, more, less))
    assert text.startswith(f"{tmp_path / 'services.toml'}, line {line}: ")
    assert said in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[services.echo\n", "line 1"),
        ("[sevices.echo]\n", "line 1: unknown table or key 'sevices'; allowed: [services.NAME]"),
        ("", "no service in it"),
        ("services = 3\n", "no service in it"),
        ("[services]\necho = 3\n", "services.echo must be a table"),
    ],
)
def test_what_is_no_services_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "services.toml"
    file.write_text(text)
    assert said in complaint(tmp_path, services=file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "No such file" in complaint(tmp_path, services=tmp_path / "none.toml")


def test_a_base_url_takes_its_host_from_outside() -> None:
    services = read_services(SHIPPED_SERVICES, {"DOWNSTREAM_URL": "https://shop.example"})
    assert services["payments"].base_url == "https://shop.example/payments"


REFUND = Compensation(name="echo", service="echo", build=build)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (an_operation(name="Talk"), "a name is 1 to 20 of a-z"),
        (an_operation(*[a_call(f"c{n}") for n in range(9)]), "has 9 calls; allowed: 1 to 8"),
        (an_operation(a_call(service="nowhere")), "service 'nowhere' is not in"),
        (
            an_operation(a_call(after=("later",)), a_call("later")),
            "waits after 'later', which does not stand before it",
        ),
        (an_operation(a_call(), a_call()), "the name 'echo' is taken by another call"),
        (an_operation(a_call(compensation=REFUND)), "the name 'echo' is taken by another call"),
        (an_operation(a_call("a", required=False), a_call("b", after=("a",))), "waits after 'a', which is optional"),
        (an_operation(a_call(required=False)), "no call is required"),
        (an_operation(a_call(inline=True), a_call("b")), "inline_concurrency must be above 0"),
        (an_operation(a_call(cache_seconds=-1)), "cache_seconds is -1; allowed: 0 (off) or more"),
        (an_operation(example={"text": 3}), "its example is refused: text: Input should be a valid string"),
        (an_operation(timeout_seconds={Priority.HIGH: 1.0}), "timeout_seconds needs each of high, normal, low"),
        (an_operation(max_timeout_seconds=5), "timeout_seconds is above max_timeout_seconds 5"),
        (an_operation(timeout_seconds=dict.fromkeys(Priority, 0.1)), "expected to take 0.1 s, its clients wait 0.1 s"),
    ],
)
def test_an_operation_is_refused_with_its_place(tmp_path: Path, operation: Operation, said: str) -> None:
    text = complaint(tmp_path, operation)
    assert said in text
    assert "test_catalog.py, line " in text


def test_a_name_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    assert complaint(tmp_path, an_operation(), an_operation()) == "operation 'talk' is defined twice"


def test_a_plan_is_known_by_what_it_says(tmp_path: Path) -> None:
    first = load_catalog(a_file(tmp_path), operations=[an_operation()]).plans["talk"]
    same = load_catalog(a_file(tmp_path), operations=[an_operation(summary="Else.")]).plans["talk"]
    other = load_catalog(a_file(tmp_path), operations=[an_operation(a_call("say"))]).plans["talk"]
    assert first == same
    assert first.id != other.id


def test_what_a_call_must_leave_time_for_is_the_longest_required_path() -> None:
    calls = json.loads(load_catalog().plans["checkout"].document)["calls"]
    assert {call["name"]: call["rest_ms"] for call in calls} == {"reserve": 900, "charge": 850, "confirm": 50}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_call_of_a_shipped_operation_can_be_built(operation: Operation) -> None:
    parameters = operation.parameters.model_validate(operation.example)
    outcomes = {"reserve": {"reservation_id": "r"}, "charge": {"charge_id": "c"}}
    for call in operation.calls:
        assert call.build(parameters, outcomes).path.startswith("/")
        if call.compensation:
            assert call.compensation.build(parameters, {}).path.startswith("/")
