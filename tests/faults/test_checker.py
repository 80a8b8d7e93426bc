"""The checker finds each kind of violation in a history made by hand, and nothing in one that is sound."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.checker import check
from tests.faults.history import Event, F, History, Type, read_history


def posted(key: str, job_id: str = "", type_: Type = Type.OK) -> Event:
    return Event(f=F.SUBMIT, type=type_, key=key, id=job_id)


def ended(job_id: str, status: str = "succeeded", result: str = "r", late_ms: int = -100) -> Event:
    return Event(f=F.END, type=Type.OK, id=job_id, status=status, result=result, late_ms=late_ms)


def found(job_id: str) -> Event:
    return Event(f=F.FOUND, type=Type.OK, id=job_id)


SOUND = [posted("k1", "j1"), posted("k1", "j1"), ended("j1"), ended("j1"), found("j1")]
NOT_TERMINAL = Event(f=F.END, type=Type.INFO, id="j2")
UNKNOWN = Event(f=F.END, type=Type.FAIL, id="j1")
TWO_EFFECTS = Event(f=F.EFFECT, type=Type.OK, key="payments", count=2)
ONE_EFFECT = Event(f=F.EFFECT, type=Type.OK, key="payments", count=1)

VIOLATED: dict[str, tuple[list[Event], dict[str, list[str]]]] = {
    "never terminal": ([posted("k2", "j2"), NOT_TERMINAL], {"lost": ["j2"]}),
    "never read": ([posted("k2", "j2")], {"lost": ["j2"]}),
    "forgotten after its end": ([UNKNOWN], {"lost": ["j1"]}),
    "nobody's": ([found("j9")], {"unexpected": ["j9"]}),
    "one in doubt, two found": (
        [posted("k2", type_=Type.INFO), found("j8"), found("j9")],
        {"unexpected": ["j8", "j9"]},
    ),
    "accepted twice": ([posted("k1", "j2"), ended("j2")], {"duplicated": ["k1"]}),
    "done twice": ([TWO_EFFECTS], {"duplicated": ["payments"]}),
    "another state": ([ended("j1", "failed")], {"changed": ["j1"]}),
    "another result": ([ended("j1", result="s")], {"changed": ["j1"]}),
    "too late": ([posted("k2", "j2"), ended("j2", late_ms=2001)], {"late": ["j2"]}),
}

HARMLESS: dict[str, list[Event]] = {
    "nothing more": [],
    "refused": [posted("k2", type_=Type.FAIL)],
    "in doubt, and nothing of it there": [posted("k2", type_=Type.INFO)],
    "in doubt, and there": [posted("k2", type_=Type.INFO), found("j2")],
    "expired just after its deadline": [posted("k2", "j2"), ended("j2", "expired", late_ms=2000)],
    "done once": [ONE_EFFECT],
}


@pytest.mark.parametrize("case", VIOLATED)
def test_a_violation_is_found_and_named(case: str) -> None:
    events, violations = VIOLATED[case]
    assert check([*SOUND, *events]).violations == violations


@pytest.mark.parametrize("case", HARMLESS)
def test_what_is_sound_is_not_accused(case: str) -> None:
    assert check([*SOUND, *HARMLESS[case]]).violations == {}


def test_a_post_in_doubt_that_turns_out_to_be_accepted_is_recovered() -> None:
    verdict = check([posted("k1", type_=Type.INFO), *SOUND])
    assert (verdict.recovered, verdict.violations) == ({"k1"}, {})


def test_every_job_counts_once_by_how_it_ended() -> None:
    verdict = check([*SOUND, posted("k2", "j2"), ended("j2", "expired")])
    assert verdict.statuses == {"succeeded": 1, "expired": 1}


@pytest.mark.parametrize(
    "facts", [{"key": "k1"}, {"id": "j1", "status": "succeeded", "result": "ab", "late_ms": -12}, {"count": 3}]
)
def test_a_history_is_read_as_it_was_written(tmp_path: Path, facts: dict[str, Any]) -> None:
    with History(tmp_path / "history.jsonl") as history:
        history.add(F.END, Type.OK, process="client", **facts)
        assert read_history(history.path) == history.events
