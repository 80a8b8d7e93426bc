"""Who waited for a slot, and how long it had been free, from when calls began and how long they took."""

import pytest

from loadtest.client.attempt import Tried
from loadtest.client.ended import Ended
from loadtest.record import Record
from loadtest.slots import spells, waited
from scenario.result import End


def a_record(*calls: tuple[float, float, float]) -> Record:
    """Of calls that queued at, started at, and took (s)."""
    record = Record()
    for queued, start, busy in calls:
        ended = Ended(End.SUCCEEDED, False, start + busy, queued=0.0, wait=start - queued, booked=start, busy=busy)
        record.note_job(ended, 0.0)
    return record


def test_who_finds_a_slot_free_has_not_waited_for_one() -> None:
    """The way to it is no wait, however long."""
    assert list(waited(a_record((0.0, 0.1, 1.0), (2.0, 2.3, 1.0)), slots=1)) == []


def test_a_slot_is_turned_around_between_one_call_and_the_next() -> None:
    record = a_record((0.0, 0.0, 1.0), (0.2, 1.05, 1.0), (0.3, 2.15, 1.0))
    assert [each.turnaround for each in waited(record, slots=1)] == pytest.approx([0.05, 0.1])


def test_of_two_slots_the_first_to_be_free_is_the_one_that_is_taken() -> None:
    record = a_record((0.0, 0.0, 3.0), (0.0, 0.0, 1.0), (0.5, 1.2, 1.0), (0.6, 2.5, 1.0))
    assert [(each.free, each.start) for each in waited(record, slots=2)] == [(1.0, 1.2), (2.2, 2.5)]


def test_who_expires_has_waited_in_vain() -> None:
    record = a_record((0.0, 0.0, 5.0))
    record.note_job(Ended(End.EXPIRED, False, span=4.0, queued=0.5, booked=4.0), 1.0)
    assert spells(record, slots=1) == [(1.5, 5.0)]


def test_what_a_synchronous_answer_tells_of_happened_before_it() -> None:
    record, ended = Record(), Ended(End.SUCCEEDED, False, span=3.0, queued=0.0, wait=1.0, booked=1.0, busy=2.0)
    record.attempted(Tried(End.SUCCEEDED, answered_at=10.0, told_at=10.0, ended=ended), 0.0, counts=True)
    assert (list(record.accepted_at), list(record.busy_from)) == ([7.0], [8.0])
    assert list(record.ended_at[End.SUCCEEDED]) == [10.0]
