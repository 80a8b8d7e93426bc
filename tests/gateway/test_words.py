"""How a job stands, in words that can be read aloud."""

from dataclasses import replace

import pytest

from bff.broker.job import CallState, CallStatus, JobStatus, Source
from bff.wire.example import RUNNING
from gateway.pages.words import duration, sentence, step

LIVE = CallState("a", CallStatus.SUCCEEDED, 1, Source.LIVE)
CACHED = CallState("b", CallStatus.FALLBACK, 2, Source.CACHE, age_ms=200_000)
STATIC = CallState("b", CallStatus.FALLBACK, 0, Source.STATIC)
SKIPPED = CallState("c", CallStatus.SKIPPED)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "about a second"),
        (1.4, "about a second"),
        (1.6, "about 2 seconds"),
        (9.4, "about 9 seconds"),
        (12, "about 10 seconds"),
        (54.9, "about 55 seconds"),
        (55, "about a minute"),
        (89, "about a minute"),
        (100, "about 2 minutes"),
        (5399, "about 90 minutes"),
        (5400, "about 2 hours"),
    ],
)
def test_a_duration_is_said_as_a_person_would(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Running: 1 of 3 steps done. It will take about a second more."),
        ({"status": JobStatus.QUEUED}, "Waiting to start. It will take about a second."),
        ({"status": JobStatus.QUEUED, "position": 0}, "Waiting to start, next in line. It will take about a second."),
        ({"status": JobStatus.QUEUED, "position": 1}, "Waiting to start, behind 1 other. It will take about a second."),
        ({"status": JobStatus.QUEUED, "position": 412, "expected_ms": 30_000},
         "Waiting to start, behind 412 others. It will take about 30 seconds."),
        ({"status": JobStatus.SUCCEEDED, "calls": (LIVE,)}, "Done."),
        ({"status": JobStatus.SUCCEEDED, "calls": (LIVE, SKIPPED)}, "Done, without c."),
        ({"status": JobStatus.SUCCEEDED, "calls": (LIVE, CACHED)}, "Done, partly with older or stand-in data."),
        ({"status": JobStatus.CANCELLED}, "Cancelled. The job was cancelled at the client's request."),
        ({"status": JobStatus.EXPIRED}, "Not done in time. High volume: the job was not done in time. Please retry."),
    ],
)  # fmt: skip
def test_the_state_is_one_sentence_or_two(changes: dict[str, object], said: str) -> None:
    assert sentence(replace(RUNNING, **changes)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (LIVE, "done"),
        (CACHED, "done, with data that is 3 minutes old"),
        (STATIC, "done, with stand-in data"),
        (SKIPPED, "left out"),
        (CallState("d", CallStatus.QUEUED), "waiting"),
        (CallState("d", CallStatus.QUEUED, 1), "waiting to be tried again"),
        (CallState("d", CallStatus.RUNNING, 2), "running, attempt 2"),
        (CallState("d", CallStatus.WAITING), "waits for another step"),
        (CallState("d", CallStatus.EXPIRED), "not done in time"),
        (CallState("d", CallStatus.FAILED), "failed"),
    ],
)
def test_a_step_says_how_it_stands(call: CallState, said: str) -> None:
    assert step(call) == said
