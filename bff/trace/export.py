"""Spans sent by OTLP over HTTP, in batches, by a thread of OpenTelemetry's SDK."""

from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bff.trace.open_telemetry import OpenTelemetry


def exporting(service: str) -> tuple[OpenTelemetry, Callable[[], None]]:
    """The tracer, and what sends the rest and ends it. `service` is its name where the environment gives none."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: service}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return OpenTelemetry(provider), provider.shutdown
