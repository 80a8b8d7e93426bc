"""Traces are off until OpenTelemetry's variables ask for them; what is wrong with those never ends the process."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bff.trace import start
from bff.trace.span import Kind, current, span
from bff.trace.start import traced
from tests.contract.receiver import receiver, status

OFF = """
import sys
from pathlib import Path
from bff.trace.start import traced
from gateway.main import load_catalog, ClientRegister, create_app
from gateway.settings import GatewaySettings
import workers.main
settings = GatewaySettings()
catalog = load_catalog(settings.services_file, downstream_url="http://x")
with traced("bff-gateway"):
    create_app(settings, catalog, ClientRegister(settings.clients_file))
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""


@contextmanager
def environment(**values: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


def test_off_nothing_of_the_sdk_is_even_imported() -> None:
    assert subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(("given", "name"), [({}, "bff-worker"), ({"OTEL_SERVICE_NAME": "shop"}, "shop")])
def test_an_endpoint_is_all_that_it_takes_and_what_was_not_sent_yet_is_at_the_end(
    given: dict[str, str], name: str
) -> None:
    given = {"OTEL_BSP_SCHEDULE_DELAY": "60000", **given}
    with receiver(status(200)) as collector, environment(OTEL_EXPORTER_OTLP_ENDPOINT=collector.origin, **given):
        with traced("bff-worker"), span("work", Kind.INTERNAL, operation="echo"):
            assert current().span_id
        delivery = collector.next()
    assert delivery.path == "/v1/traces"
    [resource] = ExportTraceServiceRequest.FromString(delivery.body).resource_spans
    assert name in {each.value.string_value for each in resource.resource.attributes if each.key == "service.name"}
    [sent] = resource.scope_spans[0].spans
    [attribute] = sent.attributes
    assert (sent.name, attribute.key, attribute.value.string_value) == ("work", "bff.operation", "echo")
    with span("after", Kind.INTERNAL):
        assert not current().traced


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER cannot be 'zipkin': otlp or none"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL cannot be 'grpc': http/protobuf",
        ),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, ""),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, ""),
    ],
)
def test_what_cannot_be_done_is_said_once_and_nothing_is_recorded(
    given: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with environment(**given), traced("bff-worker"), span("work", Kind.INTERNAL):
        assert not current().traced
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == (
        [f"traces are asked for, and not recorded: {said}"] if said else []
    )


def test_without_the_extra_the_process_runs_on_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with environment(OTEL_TRACES_EXPORTER="otlp"), pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "bff.trace.export", raising=False)
        patch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
        with traced("bff-worker"), span("work", Kind.INTERNAL):
            assert not current().traced
    assert "opentelemetry.sdk.trace is not installed; the extra `otel` brings it" in caplog.text


def test_a_collector_that_does_not_answer_holds_no_process_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "FLUSH_SECONDS", 0.2)
    over = threading.Event()

    def answers_too_late(_: BaseHTTPRequestHandler) -> None:
        over.wait(10)

    with receiver(answers_too_late) as collector:
        with environment(OTEL_EXPORTER_OTLP_ENDPOINT=collector.origin), traced("bff-worker"):
            with span("work", Kind.INTERNAL):
                pass
            began = time.monotonic()
        assert time.monotonic() - began < 2
        over.set()
