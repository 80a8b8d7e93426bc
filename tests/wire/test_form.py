from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from bff.broker.job import CallState, CallStatus, Mode, Source
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Done, Submission
from bff.catalog.model import Priority
from bff.wire.document import document_of
from bff.wire.form import Forms

WAITING = (CallState("reserve-100%", CallStatus.QUEUED), CallState("priority", CallStatus.WAITING))


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    return Submission(
        id=new_job_id(now_ms=draw(st.integers(0, 2**47))),
        operation=draw(st.sampled_from(["checkout", "echo"])),
        client="public",
        priority=draw(st.sampled_from(Priority)),
        mode=draw(st.sampled_from(Mode)),
        timeout_ms=draw(st.integers(1, 600_000)),
        parameters=b"{}",
    )


@st.composite
def taken(draw: st.DrawFn) -> Accepted:
    return Accepted(
        submission=draw(submissions()),
        calls=WAITING,
        now_ms=draw(st.integers(0, 4_102_444_800_000)),
        position=draw(st.integers(-1, 1_000_000)),
        expected_ms=draw(st.integers(0, 10**9)),
        ended=[],
    )


@given(st.lists(taken(), min_size=2, max_size=5))
def test_what_is_filled_in_is_the_document_of_the_job(accepted: list[Accepted]) -> None:
    forms = Forms()
    for each in accepted:
        assert forms.written(each) == to_json(document_of(each.job))


@given(taken())
def test_a_job_of_which_something_is_done_is_not_taken_for_one_that_waits(accepted: Accepted) -> None:
    forms = Forms()
    forms.written(accepted)
    done = Done("reserve-100%", 7, 200, b'{"held":1}')
    made = CallState(done.call, CallStatus.SUCCEEDED, 1, Source.LIVE, 200, 7)
    begun = replace(accepted, calls=(made, WAITING[1]), submission=replace(accepted.submission, done=[done]))
    for each in (begun, accepted, begun):
        assert forms.written(each) == to_json(document_of(each.job))
