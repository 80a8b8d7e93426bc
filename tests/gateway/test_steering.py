from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from bff.catalog.model import Priority
from bff.catalog.operations import OPERATIONS
from bff.trace.context import NOWHERE
from gateway.headers import IndexedHeaders
from gateway.problems import Problem
from gateway.steering import MAX_WAIT_SECONDS, Steering, preferences_of, seconds, steering_of, trace_of

ECHO = next(operation for operation in OPERATIONS if operation.name == "echo")
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)


def headers(**values: str) -> IndexedHeaders:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    return IndexedHeaders({"headers": Headers(named).raw})


def steering(**values: str) -> Steering:
    return steering_of(headers(**values), ECHO)


@given(LATIN | st.text('=;," \\waitrespond-async0123456789', max_size=60))
def test_no_preference_is_ever_an_error_or_longer_than_the_maximum(prefer: str) -> None:
    found = preferences_of(headers(prefer=prefer))
    assert found.wait_seconds is None or 0 <= found.wait_seconds <= MAX_WAIT_SECONDS


@given(st.floats(0, MAX_WAIT_SECONDS).map(lambda number: f"{number:.3f}"))
def test_what_was_applied_is_what_was_asked_for(wait: str) -> None:
    found = preferences_of(headers(prefer=f"wait={wait}"))
    assert float(found.applied.removeprefix("wait=")) == float(wait)


@pytest.mark.parametrize(("number", "text"), [(30.0, "30"), (2.5, "2.5"), (0.0, "0"), (1e-7, "0"), (10.0, "10")])
def test_seconds_are_written_as_short_as_can_be(number: float, text: str) -> None:
    assert seconds(number) == text


@pytest.mark.parametrize("filler", [" ", '"', "a ", 'a="', "; ", ",", "=", '\\"', '"\\'])
def test_a_long_header_takes_no_longer_than_its_length(filler: str) -> None:
    """One that took the square of it would not end within the test's time limit."""
    preferences_of(headers(prefer=filler * 500_000))


@given(KEYS.filter(lambda key: not key.startswith('"')))
def test_a_key_is_the_same_bare_and_quoted(key: str) -> None:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    assert steering(idempotency_key=key).idempotency_key == key
    assert steering(idempotency_key=f'"{escaped}"').idempotency_key == key


def unless_refused(**values: str) -> Steering | None:
    """Every other exception is a failure."""
    with suppress(Problem):
        return steering(**values)
    return None


@given(LATIN)
def test_a_key_is_visible_ascii_or_refused(value: str) -> None:
    found = unless_refused(idempotency_key=value)
    key = found.idempotency_key if found else "refused"
    assert key
    assert len(key) <= 255
    assert all("!" <= character <= "~" for character in key)


@given(LATIN | st.text("0123456789.e-", max_size=30))
def test_a_timeout_is_within_bounds_or_refused(value: str) -> None:
    found = unless_refused(request_timeout=value)
    assert found is None or 1 <= found.timeout_ms <= ECHO.max_timeout_seconds * 1000


def test_nothing_said_is_the_operations_own() -> None:
    found = steering()
    assert found.priority is Priority.NORMAL
    assert found.timeout_ms == ECHO.timeout_seconds[Priority.NORMAL] * 1000
    assert found.idempotency_key is None


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_context_is_carried() -> None:
    headers = Headers({"traceparent": TRACE, "tracestate": "a=b,c=d"})
    assert trace_of(headers) == (TRACE, "a=b,c=d")


@pytest.mark.parametrize(
    "traceparent", ["", TRACE.upper(), TRACE + "-x", "ff" + TRACE[2:], "00-" + "0" * 32 + TRACE[35:]]
)
def test_a_trace_context_that_is_none_is_dropped_with_its_state(traceparent: str) -> None:
    assert trace_of(Headers({"traceparent": traceparent, "tracestate": "a=b"})) == NOWHERE
