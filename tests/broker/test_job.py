"""A job is read from the flat hash that scripts keep: whatever stands there, nothing of it is lost."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bff.broker.job import CallState, CallStatus, Job, JobStatus, Mode, Source, decode_job
from bff.catalog.model import Priority

PLAN = {
    "calls": [
        {"name": "reserve", "undo": {"name": "release"}},
        {"name": "charge-it", "undo": {"name": "re-fund"}},
        {"name": "confirm"},
    ]
}
NAMES = ["reserve", "charge-it", "confirm", "re-fund", "release"]
UNDO = NAMES[3:]

text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10)
instants = st.integers(0, 2**42)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def states(draw: st.DrawFn, name: str) -> CallState:
    return CallState(
        name=name,
        status=draw(st.sampled_from(CallStatus)),
        attempts=draw(st.integers(0, 20)),
        source=draw(maybe(st.sampled_from(Source))),
        http_status=draw(maybe(st.integers(100, 599))),
        milliseconds=draw(maybe(st.integers(0, 10**6))),
        age_ms=draw(maybe(st.integers(0, 10**9))),
        error=draw(maybe(text.filter(bool))),
        undoes=name in UNDO,
    )


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    triggered = draw(st.sets(st.sampled_from(UNDO)))
    status = draw(st.sampled_from(JobStatus))
    return Job(
        id=str(draw(st.uuids())),
        operation=draw(text),
        client=draw(text),
        priority=draw(st.sampled_from(Priority)),
        mode=draw(st.sampled_from(Mode)),
        status=status,
        to_claim=status.terminal and draw(st.booleans()),
        version=draw(st.integers(1, 10**6)),
        submitted_ms=draw(instants),
        deadline_ms=draw(instants),
        now_ms=draw(instants),
        calls=tuple(draw(states(name)) for name in NAMES if name not in UNDO or name in triggered),
        outcomes=draw(st.dictionaries(st.sampled_from(NAMES[:3]), st.binary())),
        started_ms=draw(maybe(instants)),
        finished_ms=draw(maybe(instants)),
        expires_ms=draw(maybe(instants)),
        blame=draw(maybe(st.sampled_from(NAMES[:3]))),
        position=draw(st.integers(-1, 10**6)),
        expected_ms=draw(st.integers(0, 10**6)),
    )


def reply(job: Job) -> list[Any]:
    """What scripts/read.lua returns for it."""
    fields: dict[str, object] = {
        name: getattr(job, name) for name in ("operation", "client", "priority", "mode", "status", "version", "blame")
    }
    fields |= {name: getattr(job, f"{name}_ms") for name in ("submitted", "deadline", "started", "finished", "expires")}
    for call in job.calls:
        fields |= {f"{call.name}.{name}": getattr(call, name) for name in ("status", "attempts", "source", "error")}
        fields |= {f"{call.name}.{name}": getattr(call, name) for name in ("http_status", "age_ms")}
        fields |= {f"{call.name}.ms": call.milliseconds, f"{call.name}.entry": "", f"{call.name}.place": 7}
    fields["claimed"] = 1 if job.status.terminal and not job.to_claim else None
    kept = {name: str(value).encode() for name, value in fields.items() if value is not None}
    return [job.now_ms, _flat(kept), _flat(job.outcomes), job.position, job.expected_ms]


def _flat(fields: Any) -> list[bytes]:
    return [part for name, value in fields.items() for part in (name.encode(), value)]


@given(jobs())
def test_a_job_is_read_as_it_stands(job: Job) -> None:
    assert decode_job(job.id, reply(job), PLAN) == job


@given(jobs())
def test_what_undoes_is_no_part_of_what_was_asked_for(job: Job) -> None:
    assert [call.name for call in job.graph] == NAMES[:3]


@given(jobs())
def test_only_a_job_that_succeeded_is_partial(job: Job) -> None:
    assert not job.partial or job.status is JobStatus.SUCCEEDED
