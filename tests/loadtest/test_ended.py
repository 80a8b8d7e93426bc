from math import isnan
from typing import Any

import pytest

from loadtest.client.ended import Reading, has_ended
from scenario.result import End
from tests.loadtest.server import a_job
from tests.loadtest.stages import a_stage

CHECKOUT = {"operation": "checkout", "priority": "normal", "share": 1.0}


def reading(bottleneck: str = "payments") -> Reading:
    return Reading(a_stage({"mix": [CHECKOUT]}, services=[{"name": bottleneck}]))


def a_checkout(status: str, **seconds: float | None) -> dict[str, Any]:
    """A second after it was submitted it had ended."""
    calls = {name: {"seconds": seconds.get(name)} for name in ("reserve", "charge", "confirm")}
    return a_job("c", status, operation="checkout", calls=calls)


@pytest.mark.parametrize(
    ("status", "end"),
    [("succeeded", End.SUCCEEDED), ("failed", End.FAILED), ("expired", End.EXPIRED), ("cancelled", End.TIMED_OUT)],
)
def test_every_terminal_state_is_an_end(status: str, end: End) -> None:
    document = a_checkout(status, reserve=0.02, charge=0.5, confirm=0.02)
    assert has_ended(document)
    assert reading().ended(document).end is end


@pytest.mark.parametrize("document", [{}, {"status": "queued"}, {"status": "running"}, {"status": None}])
def test_what_has_none_has_not_ended(document: dict[str, Any]) -> None:
    assert not has_ended(document)


def test_what_was_spent_in_no_call_is_the_wait_at_the_bottleneck() -> None:
    ended = reading().ended(a_checkout("succeeded", reserve=0.125, charge=0.5, confirm=0.0625))
    assert (ended.span, ended.busy) == (1.0, 0.5)
    assert ended.booked == 1 - 0.5 - 0.0625, "from submitted until the charge began"
    assert ended.wait == ended.booked - 0.125, "it could not begin before the reservation was made"


def test_the_first_call_of_all_began_when_the_job_did() -> None:
    ended = reading("inventory").ended(a_checkout("succeeded", reserve=0.1, charge=0.2, confirm=0.1))
    assert (ended.booked, ended.wait, ended.busy) == (0.25, 0.25, 0.1)


def test_what_never_came_to_the_bottleneck_waited_in_its_queue_to_its_end() -> None:
    ended = reading().ended(a_checkout("expired", reserve=0.1))
    assert ended.booked == 1.0
    assert isnan(ended.wait)
    assert isnan(ended.busy)


def test_an_operation_that_does_not_call_the_bottleneck_says_nothing_of_it() -> None:
    mix = [{**CHECKOUT, "share": 0.5}, {"operation": "echo", "priority": "normal", "share": 0.5}]
    ended = Reading(a_stage({"mix": mix}, services=[{"name": "payments"}])).ended(a_job("e", "succeeded"))
    assert ended.span == 1.0
    assert isnan(ended.booked)
