from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from bff.broker.job import CallState, CallStatus, Job, JobStatus, Mode, Source
from bff.broker.job_id import new_job_id
from bff.catalog.model import Priority
from bff.wire.document import JobDocument, document_of, error_of, poll_headers, timestamp
from gateway.problems import PROBLEM_TYPES

DOCUMENT = TypeAdapter(JobDocument)
INSTANTS = st.integers(0, 4_102_444_800_000)  # up to the year 2100
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def calls(draw: st.DrawFn, name: str, undoes: bool) -> CallState:
    return CallState(
        name,
        draw(st.sampled_from(CallStatus)),
        attempts=draw(st.integers(0, 20)),
        source=draw(st.none() | st.sampled_from(Source)),
        http_status=draw(st.none() | st.integers(100, 599)),
        milliseconds=draw(st.none() | st.integers(0, 600_000)),
        age_ms=draw(st.none() | st.integers(0, 86_400_000)),
        error=draw(st.none() | st.just("timeout")),
        undoes=undoes,
    )


@st.composite
def jobs(draw: st.DrawFn, status: JobStatus | None = None) -> Job:
    names = draw(st.lists(st.sampled_from(["reserve", "charge", "confirm"]), unique=True, min_size=1))
    return Job(
        id=new_job_id(),
        operation="checkout",
        client="public",
        priority=draw(st.sampled_from(Priority)),
        mode=draw(st.sampled_from(Mode)),
        status=status or draw(st.sampled_from(JobStatus)),
        version=draw(st.integers(1, 100)),
        submitted_ms=draw(INSTANTS),
        deadline_ms=draw(INSTANTS),
        now_ms=draw(INSTANTS),
        calls=(*(draw(calls(name, False)) for name in names), draw(calls("refund", True))),
        outcomes={name: to_json(draw(DATA)) for name in draw(st.sets(st.sampled_from(names)))},
        started_ms=draw(st.none() | INSTANTS),
        finished_ms=draw(st.none() | INSTANTS),
        expires_ms=draw(st.none() | INSTANTS),
        blame=draw(st.none() | st.sampled_from([*names, "refund", "unknown"])),
        position=draw(st.integers(-1, 20_000)),
        expected_ms=draw(st.integers(0, 10_000_000)),
    )


def as_read(job: Job) -> Any:
    return from_json(to_json(document_of(job)), allow_inf_nan=False)


@given(jobs())
def test_every_job_reads_as_what_the_openapi_document_promises(job: Job) -> None:
    document = as_read(job)
    assert DOCUMENT.validate_python(document, strict=True, extra="forbid") == document


@given(jobs())
def test_what_is_to_come_stands_there_while_it_is_pending_and_only_then(job: Job) -> None:
    document = as_read(job)
    pending = not job.status.terminal
    assert (document["poll_after_seconds"] is not None) == pending
    assert (document["estimated_seconds"] is not None) == pending
    assert ("Retry-After" in poll_headers(job)) == pending
    if pending:
        assert 1 <= document["poll_after_seconds"] <= 5
        assert int(poll_headers(job)["Retry-After"]) >= document["poll_after_seconds"]
    else:
        assert document["approximate_position"] is None


@given(jobs())
def test_compensations_show_in_the_calls_and_never_in_progress_or_result(job: Job) -> None:
    document = as_read(job)
    assert list(document["calls"]) == [call.name for call in job.calls]
    assert document["progress"]["total"] == len(job.calls) - 1
    assert 0 <= document["progress"]["done"] <= document["progress"]["total"]
    assert "refund" not in (document["result"] or {})


@given(jobs())
def test_an_error_stands_where_a_job_ended_without_success(job: Job) -> None:
    document = as_read(job)
    unhappy = job.status.terminal and job.status is not JobStatus.SUCCEEDED
    assert (document["error"] is not None) == unhappy
    if unhappy:
        assert document["error"]["type"] == f"/problems/job-{job.status}"
        assert document["error"]["type"].removeprefix("/problems/") in PROBLEM_TYPES
        assert document["error"]["instance"] == document["links"]["self"]


@given(jobs(JobStatus.EXPIRED))
def test_a_job_that_expired_says_whether_it_ever_ran(job: Job) -> None:
    error = error_of(job)
    assert error is not None
    assert ("never ran" in error.detail) == (not job.started_ms)


@given(INSTANTS)
def test_an_instant_is_written_with_milliseconds_and_loses_nothing(milliseconds: int) -> None:
    moment = datetime.strptime(timestamp(milliseconds), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert round(moment.timestamp() * 1000) == milliseconds
