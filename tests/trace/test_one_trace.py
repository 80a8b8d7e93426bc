"""One trace, from the client through the broker to the services and the webhook: what is in it, what hangs on what."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from bff.trace.span import Fields
from tests.contract.calls import CART
from tests.trace.parts import Parts

pytestmark = pytest.mark.anyio

TRACE_ID, CLIENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CLIENT = f"00-{TRACE_ID}-{CLIENT_ID}-01"
STATE = "vendor=opaque,other=1"
MESSAGE = {"messaging.system", "messaging.operation.name", "messaging.operation.type"}
NAMES = {f"bff.{name}" for name in Fields.__annotations__}
NAMES |= MESSAGE | {"messaging.destination.name", "messaging.message.id"}
NAMES |= {"http.request.method", "http.route", "http.response.status_code"}
NAMES |= {"server.address", "server.port", "error.type"}


def id_of(span: ReadableSpan) -> str:
    assert span.context
    return f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


def traceparent_of(span: ReadableSpan) -> str:
    assert span.context
    return f"00-{span.context.trace_id:032x}-{id_of(span)}-{span.context.trace_flags:02x}"


async def finished(recorded: InMemorySpanExporter, many: int) -> Sequence[ReadableSpan]:
    """So many: a client may hear of a job's end before the last span of its call has ended."""
    while len(recorded.get_finished_spans()) < many:
        await asyncio.sleep(0.005)
    return recorded.get_finished_spans()


def tree_of(spans: Sequence[ReadableSpan], parent: str) -> list[Any]:
    """Names, each with those of its children, in the order in which they began."""
    children = sorted((span for span in spans if parent_of(span) == parent), key=lambda span: span.start_time or 0)
    return [(span.name, tree_of(spans, id_of(span))) for span in children]


async def test_a_checkout_is_one_trace_from_its_client_to_the_services_and_the_webhook(
    whole: Parts, recorded: InMemorySpanExporter
) -> None:
    job = await whole.result_of(
        "checkout", CART, traceparent=CLIENT, tracestate=STATE, Request_Notify=f"{whole.hook.origin}/done?token=hidden"
    )
    await whole.tell()
    delivery = whole.hook.next()
    spans = await finished(recorded, 11)
    assert tree_of(spans, CLIENT_ID) == [
        (
            "POST /v1/operations/checkout",
            [
                (
                    "submit checkout",
                    [
                        ("process checkout.reserve", [("POST inventory", [])]),
                        ("process checkout.charge", [("POST payments", [])]),
                        ("process checkout.charge", [("POST payments", [])]),
                        ("process checkout.confirm", [("POST orders", [])]),
                        ("deliver webhook", []),
                    ],
                )
            ],
        )
    ]
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {TRACE_ID}
    assert {span.context.trace_state.to_header() for span in spans if span.context} == {STATE}

    by_kind = {kind: [span for span in spans if span.kind is kind] for kind in SpanKind}
    [served], [submitted] = by_kind[SpanKind.SERVER], by_kind[SpanKind.PRODUCER]
    assert {span.attributes["bff.correlation_id"] for span in spans if span.attributes} == {job["id"]}
    assert served.attributes
    assert served.attributes["http.response.status_code"] == 200
    links = [link.context.span_id for span in by_kind[SpanKind.CONSUMER] for link in span.links]
    assert [f"{span_id:016x}" for span_id in links] == 4 * [id_of(submitted)]

    *called, delivered = by_kind[SpanKind.CLIENT]
    received = [call for service in ("inventory", "payments", "orders") for call in whole.called(service)]
    assert [call.headers["traceparent"] for call in received] == [traceparent_of(span) for span in called]
    assert {call.headers["tracestate"] for call in received} == {STATE}
    assert delivery.headers["traceparent"] == traceparent_of(delivered)
    assert delivery.headers["tracestate"] == STATE

    attempts = [span.attributes or {} for span in spans if span.name == "process checkout.charge"]
    assert [each["bff.attempt"] for each in attempts] == [1, 2]
    assert [each["bff.outcome"] for each in attempts] == ["http-status", "succeeded"]
    assert [each.get("error.type") for each in attempts] == ["http-status", None]
    expected = {
        "bff.operation": "checkout",
        "bff.priority": "normal",
        "bff.mode": "async",
        "bff.service": "payments",
        "bff.call": "charge",
    }
    assert expected.items() <= attempts[0].items()
    assert {name for span in spans for name in span.attributes or {}} == NAMES
    assert "hidden" not in "".join(span.to_json() for span in spans)


async def test_without_a_clients_trace_a_job_has_one_of_its_own_with_its_inline_calls(
    whole: Parts, recorded: InMemorySpanExporter
) -> None:
    await whole.result_of("home-screen", {"user_id": "u1"})
    spans = await finished(recorded, 8)
    [(root, [(submit, calls)])] = tree_of(spans, "")
    assert (root, submit) == ("POST /v1/operations/home-screen", "submit home-screen")
    assert calls[0] == ("inline balance", [("GET accounts", [])])
    assert sorted(calls[1:]) == [
        ("process home-screen.history", [("GET history", [])]),
        ("process home-screen.recommendations", [("GET recommendations", [])]),
    ]
    [balance] = [span for span in spans if span.name == "GET accounts"]
    [received] = whole.called("accounts")
    assert received.headers["traceparent"] == traceparent_of(balance)


async def test_a_synchronous_job_is_one_trace_too_and_the_gateway_makes_its_calls(
    whole: Parts, recorded: InMemorySpanExporter
) -> None:
    await whole.gateway.rollout.set("echo", 0)
    await whole.result_of("echo", {"text": "hi"}, traceparent=CLIENT)
    spans = await finished(recorded, 4)
    assert tree_of(spans, CLIENT_ID) == [
        ("POST /v1/operations/echo", [("submit echo", [("perform echo.echo", [("POST echo", [])])])])
    ]
    assert {span.kind for span in spans} == {SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT}
    assert {(span.attributes or {})["bff.mode"] for span in spans} == {"sync"}
    [called] = [span for span in spans if span.kind is SpanKind.CLIENT]
    [received] = whole.called("echo")
    assert received.headers["traceparent"] == traceparent_of(called)


async def test_what_the_client_does_not_sample_is_not_recorded_anywhere_and_passed_on_so(
    whole: Parts, recorded: InMemorySpanExporter
) -> None:
    await whole.result_of("echo", {"text": "hi"}, traceparent=f"{CLIENT[:-2]}00", tracestate=STATE)
    assert recorded.get_finished_spans() == ()
    [received] = whole.called("echo")
    _, trace_id, span_id, flags = received.headers["traceparent"].split("-")
    assert (trace_id, flags) == (TRACE_ID, "00")
    assert span_id != CLIENT_ID
    assert received.headers["tracestate"] == STATE


async def test_a_refused_request_is_a_span_that_says_why(whole: Parts, recorded: InMemorySpanExporter) -> None:
    await whole.api.post("/v1/operations/echo", json={"text": 5}, headers={"traceparent": CLIENT})
    whole.gateway.draining.set()
    await whole.api.post("/v1/operations/echo", json={"text": "hi"}, headers={"traceparent": CLIENT})
    wrong, submit, refused = recorded.get_finished_spans()
    assert (submit.name, parent_of(submit)) == ("submit echo", id_of(refused))
    assert [span.status.is_ok for span in (wrong, submit, refused)] == [True, True, False]
    told = [span.attributes or {} for span in (wrong, refused)]
    assert [each["bff.outcome"] for each in told] == ["invalid-parameters", "draining"]
    assert [each["http.response.status_code"] for each in told] == [422, 503]


async def test_untraced_the_clients_trace_is_passed_on_as_it_came(whole: Parts) -> None:
    await whole.result_of(
        "home-screen", {"user_id": "u1"}, traceparent=CLIENT, tracestate=STATE, Request_Notify=whole.hook.origin
    )
    await whole.tell()
    received = [each.headers for each in whole.services.received] + [whole.hook.next().headers]
    passed_on = {"traceparent": CLIENT, "tracestate": STATE}
    assert len(received) == 4
    assert all(passed_on.items() <= headers.items() for headers in received)


async def test_untraced_and_without_a_clients_trace_services_get_one_of_the_jobs_own(whole: Parts) -> None:
    job = await whole.result_of("home-screen", {"user_id": "u1"})
    digits = job["id"].replace("-", "")
    assert len(whole.services.received) == 3
    assert {each.headers["traceparent"] for each in whole.services.received} == {f"00-{digits}-{digits[16:]}-01"}
