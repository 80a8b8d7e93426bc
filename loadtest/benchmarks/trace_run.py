"""One trace of one checkout, printed as a tree: what was done for it, where, from when on and for how long.

    python loadtest/benchmarks/trace_run.py --ill 1

Starts a `bff up` of its own, and a collector that keeps what OpenTelemetry sends. `--ill N`: payments answers 503 until
the N-th attempt, so that retries are seen. Needs the extra `otel`, which `make setup` brings.
"""

import argparse
import asyncio
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread

import httpx
from live_stack import LiveStack, live_stack
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

CART = {"cart_id": "c1", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}
SHOWN = ("bff.attempt", "bff.outcome", "http.response.status_code")
GIVE_UP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Span:
    """`began_ns` and `ended_ns` are Unix time, by the clock of its process."""

    process: str
    name: str
    id: str
    parent: str
    began_ns: int
    ended_ns: int
    attributes: Mapping[str, str]


class Collector:
    """Keeps the spans of one trace."""

    def __init__(self, trace_id: str) -> None:
        self._trace_id = trace_id
        self._spans: list[Span] = []
        self._more = Condition()

    def keep(self, body: bytes) -> None:
        with self._more:
            self._spans += _spans_of(body, self._trace_id)
            self._more.notify_all()

    def until(self, *last: str) -> list[Span]:
        """All spans, once those of these names, the last of each process, have come."""
        with self._more:
            self._more.wait_for(lambda: {span.name for span in self._spans} >= set(last), GIVE_UP_SECONDS)
            return sorted(self._spans, key=lambda span: span.began_ns)


def _spans_of(body: bytes, trace_id: str) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        named = {each.key: each.value.string_value for each in resource.resource.attributes}
        for span in resource.scope_spans[0].spans:
            if span.trace_id.hex() == trace_id:
                attributes = {
                    each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes
                }
                parts = (span.name, span.span_id.hex(), span.parent_span_id.hex())
                times = (span.start_time_unix_nano, span.end_time_unix_nano)
                yield Span(named["service.name"], *parts, *times, attributes)


@contextmanager
def collecting(trace_id: str) -> Iterator[Collector]:
    """The collector, and OpenTelemetry's variables for whatever is started meanwhile."""
    collector = Collector(trace_id)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            collector.keep(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["OTEL_BSP_SCHEDULE_DELAY"] = "100"  # ms
    yield collector
    server.shutdown()


async def checkout(stack: LiveStack, traceparent: str, ill_attempts: int) -> None:
    async with httpx.AsyncClient(timeout=40, trust_env=False) as client:
        payments = f"{stack.urls['mock']}/_control/payments"
        ill = {"error_rate": 1 if ill_attempts else 0, "error_status": 503}
        (await client.put(payments, json=ill)).raise_for_status()
        headers = {"traceparent": traceparent, "Prefer": "wait=30"}
        url = f"{stack.urls['gateway']}/v1/operations/checkout"
        waiting = asyncio.create_task(client.post(url, json=CART, headers=headers))
        while (await client.get(payments)).json()["counters"]["failed"] < ill_attempts:
            await asyncio.sleep(0.01)
        (await client.put(payments, json={"error_rate": 0})).raise_for_status()
        answer = await waiting
        print(f"{answer.status_code}, job {answer.json()['id']}: {answer.json()['status']}")


def tree(spans: list[Span], parent: str, first_ns: int, depth: int = 0) -> Iterator[str]:
    for span in spans:
        if span.parent == parent:
            shown = " ".join(
                f"{name.rpartition('.')[2]}={span.attributes[name]}" for name in SHOWN if name in span.attributes
            )
            began_ms, took_ms = (span.began_ns - first_ns) / 1e6, (span.ended_ns - span.began_ns) / 1e6
            yield f"{began_ms:8.1f} {took_ms:8.1f}  {span.process:11}  {'  ' * depth}{span.name}  {shown}"
            yield from tree(spans, span.id, first_ns, depth + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ill", type=int, default=0, choices=range(3), help="attempts that payments fails")
    given = parser.parse_args()
    trace_id, client_span = secrets.token_hex(16), secrets.token_hex(8)
    with collecting(trace_id) as collector, live_stack() as stack:
        asyncio.run(checkout(stack, f"00-{trace_id}-{client_span}-01", given.ill))
        spans = collector.until("POST /v1/operations/checkout", "process checkout.confirm")
    print(f"trace {trace_id}\n from ms  took ms  process")
    print("\n".join(tree(spans, client_span, spans[0].began_ns)))


if __name__ == "__main__":
    main()
