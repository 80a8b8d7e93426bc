from dataclasses import replace

import pytest

from bff.broker.job import CallStatus, Mode, Source
from bff.broker.lanes import Entry
from bff.calls.next_step import (
    COMPENSATION_ATTEMPTS,
    COMPENSATION_MAX_DELAY_MS,
    Again,
    Step,
    again,
    failure,
    may_run,
    success,
)
from bff.catalog.model import Call, Compensation, Priority
from bff.catalog.services import Service
from bff.downstream.outcome import Outcome, Verdict
from tests.workers.world import (
    PUSH_BACK,
    REFUSAL,
    SUCCESS,
    UNDO,
    UNKNOWN,
    UNREACHED,
    a_call,
    a_catalog,
)

FAILURES = (PUSH_BACK, UNREACHED, UNKNOWN)


@pytest.fixture
def services() -> dict[str, Service]:
    return dict(a_catalog().services)


@pytest.fixture
def service(services: dict[str, Service]) -> Service:
    return services["main"]


def an_entry(attempt: int = 1, *, effect: bool = False) -> Entry:
    return Entry(
        lane="lane",
        id="1-0",
        asked_at=0,
        queued_ms=0,
        remaining_ms=1000,
        call="work",
        attempt=attempt,
        spared=0,
        effect=effect,
        parameters=b"{}",
        outcomes={},
        job_id="job",
        operation="plain",
        priority=Priority.NORMAL,
        mode=Mode.ASYNC,
        traceparent="",
        tracestate="",
    )


def longest() -> float:
    """The highest that a random number below 1 can come to."""
    return 0.999_999


@pytest.mark.parametrize("outcome", FAILURES, ids=lambda outcome: outcome.verdict)
def test_a_failure_that_may_pass_is_tried_again(service: Service, outcome: Outcome) -> None:
    assert again(Step(a_call(), service), an_entry(), outcome, longest) is not None


@pytest.mark.parametrize("outcome", [SUCCESS, REFUSAL], ids=lambda outcome: outcome.verdict)
def test_an_answer_is_final(service: Service, outcome: Outcome) -> None:
    assert again(Step(a_call(), service), an_entry(), outcome, longest) is None


@pytest.mark.parametrize("outcome", FAILURES, ids=lambda outcome: outcome.verdict)
def test_the_last_attempt_is_the_last(service: Service, outcome: Outcome) -> None:
    step = Step(a_call(), service)
    assert again(step, an_entry(2), outcome, longest) is not None
    assert again(step, replace(an_entry(3), spared=10), outcome, longest) is None


def test_a_call_that_is_pushed_back_by_a_429_gets_ten_attempts_more(service: Service) -> None:
    last = replace(an_entry(3), spared=9)
    assert again(Step(a_call(), service), last, PUSH_BACK, longest) is not None
    assert again(Step(a_call(), service), last, replace(PUSH_BACK, http_status=503), longest) is None


def test_a_service_gets_its_rest_also_from_a_call_that_ends(service: Service) -> None:
    assert failure(Step(a_call(), service), an_entry(3), PUSH_BACK, None).pause_ms == 300


def test_the_delay_doubles_up_to_the_longest(service: Service) -> None:
    delays = [again(Step(a_call(), service), an_entry(attempt), UNREACHED, longest) for attempt in (1, 2)]
    assert delays == [Again(delay_ms=10, pause_ms=0), Again(delay_ms=20, pause_ms=0)]


def test_a_service_that_says_when_gets_its_rest(service: Service) -> None:
    assert again(Step(a_call(), service), an_entry(), PUSH_BACK, longest) == Again(delay_ms=310, pause_ms=300)


def test_a_service_that_does_not_say_when_rests_for_a_second(service: Service) -> None:
    short = replace(PUSH_BACK, retry_after_ms=None, http_status=429)
    assert again(Step(a_call(), service), an_entry(), short, longest) == Again(delay_ms=1010, pause_ms=1000)
    at_once = replace(short, retry_after_ms=0)
    assert again(Step(a_call(), service), an_entry(), at_once, longest) == Again(delay_ms=10, pause_ms=0)


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("outcome", FAILURES, ids=lambda outcome: outcome.verdict)
@pytest.mark.parametrize("name", ["at most once", "careless service"])
def test_what_may_have_been_done_is_not_repeated_where_that_could_do_harm(
    services: dict[str, Service], outcome: Outcome, effect: bool, name: str
) -> None:
    steps = {
        "at most once": Step(a_call(at_most_once=True), services["main"]),
        "careless service": Step(a_call(), services["careless"]),
    }
    tried_again = again(steps[name], an_entry(effect=effect), outcome, longest) is not None
    assert tried_again == (outcome.verdict is not Verdict.UNKNOWN and not effect)


def test_a_compensation_is_tried_for_long_and_with_patience(services: dict[str, Service]) -> None:
    step = Step(UNDO, services["careless"])
    last = an_entry(COMPENSATION_ATTEMPTS - 1, effect=True)
    patient = again(Step(UNDO, services["main"]), last, UNKNOWN, longest)
    assert patient is not None
    assert 10_000 < patient.delay_ms <= COMPENSATION_MAX_DELAY_MS
    assert again(step, last, UNKNOWN, longest) is not None
    assert again(step, an_entry(COMPENSATION_ATTEMPTS), UNKNOWN, longest) is None


@pytest.mark.parametrize(
    ("call", "attempt", "effect", "allowed"),
    [
        (a_call(), 1, False, True),
        (a_call(), 3, True, True),
        (a_call(), 4, True, False),
        (a_call(at_most_once=True), 2, False, True),
        (a_call(at_most_once=True), 2, True, False),
        (UNDO, COMPENSATION_ATTEMPTS, True, True),
        (UNDO, COMPENSATION_ATTEMPTS + 1, True, False),
    ],
)
def test_an_attempt_is_made_unless_it_could_do_harm_or_there_were_enough(
    service: Service, call: Call | Compensation, attempt: int, effect: bool, allowed: bool
) -> None:
    assert may_run(Step(call, service), an_entry(attempt, effect=effect)) is allowed


def test_a_success_carries_its_data_and_is_kept_where_the_call_says_so(service: Service) -> None:
    end = success(Step(a_call(cache_seconds=2), service), SUCCESS, "digest")
    assert (end.status, end.effect, end.source) == (CallStatus.SUCCEEDED, True, Source.LIVE)
    assert (end.data, end.http_status, end.milliseconds) == (SUCCESS.data, 200, 7)
    assert (end.cache_key, end.cache_ms) == ("digest", 2000)


def test_a_success_without_data_is_null(service: Service) -> None:
    assert success(Step(a_call(), service), replace(SUCCESS, data=None), None).data == b"null"


@pytest.mark.parametrize(
    ("outcome", "before", "effect"),
    [(REFUSAL, False, False), (REFUSAL, True, True), (UNREACHED, False, False), (UNKNOWN, False, True)],
)
def test_a_failure_says_whether_something_may_have_been_done(
    service: Service, outcome: Outcome, before: bool, effect: bool
) -> None:
    end = failure(Step(a_call(), service), an_entry(effect=before), outcome, None)
    assert (end.status, end.effect, end.data, end.source) == (CallStatus.FAILED, effect, b"", None)
    assert (end.error, end.http_status) == (outcome.reason, outcome.http_status)


def test_the_last_good_answer_stands_in_before_static_data(service: Service) -> None:
    step = Step(a_call(cache_seconds=60, fallback={"items": []}), service)
    end = failure(step, an_entry(), UNKNOWN, (b"[1]", 1234))
    assert (end.status, end.data, end.source, end.stored_ms) == (CallStatus.FALLBACK, b"[1]", Source.CACHE, 1234)


def test_static_data_stands_in_where_nothing_is_cached(service: Service) -> None:
    end = failure(Step(a_call(fallback={"items": []}), service), an_entry(), UNKNOWN, None)
    assert (end.status, end.data, end.source) == (CallStatus.FALLBACK, b'{"items":[]}', Source.STATIC)


def test_an_empty_static_answer_is_an_answer(service: Service) -> None:
    end = failure(Step(a_call(fallback={}), service), an_entry(), UNKNOWN, None)
    assert (end.status, end.data) == (CallStatus.FALLBACK, b"{}")
