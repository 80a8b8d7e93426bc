"""Whether this process records traces, and where they go: OpenTelemetry's own variables say it."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread

from bff.trace.span import UNTRACED, trace_with

log = logging.getLogger(__name__)

FLUSH_SECONDS = 3.0
"""For what was not sent yet when the process ends; a collector that is away must not hold it."""


@contextmanager
def traced(service: str) -> Iterator[None]:
    """Record spans while this lasts, where that is asked for. What is wrong is said, and never ends the process."""
    shutdown = _started(service)
    try:
        yield
    finally:
        trace_with(UNTRACED)
        if shutdown is not None:
            _within(FLUSH_SECONDS, shutdown)


def _started(service: str) -> Callable[[], None] | None:
    why_not = _why_not(os.environ)
    if why_not is None:
        try:
            from bff.trace.export import exporting

            tracer, shutdown = exporting(service)
            trace_with(tracer)
            log.info("traces are recorded, and sent by OTLP")
            return shutdown
        except ModuleNotFoundError as error:
            why_not = f"{error.name} is not installed; the extra `otel` brings it"
    if why_not:
        log.warning("traces are asked for, and not recorded: %s", why_not)
    return None


def _why_not(environment: Mapping[str, str]) -> str | None:
    """None: they are to be recorded. Empty: nobody asked."""

    def said(name: str) -> str:
        return environment.get(name, "").strip().lower()

    exporter = said("OTEL_TRACES_EXPORTER")
    endpoint = said("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or said("OTEL_EXPORTER_OTLP_ENDPOINT")
    if said("OTEL_SDK_DISABLED") == "true" or exporter == "none" or not (exporter or endpoint):
        return ""
    if exporter not in ("", "otlp"):
        return f"OTEL_TRACES_EXPORTER cannot be {exporter!r}: otlp or none"
    protocol = said("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or said("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol not in ("", "http/protobuf"):
        return f"OTEL_EXPORTER_OTLP_PROTOCOL cannot be {protocol!r}: http/protobuf"
    return None


def _within(seconds: float, act: Callable[[], None]) -> None:
    """OpenTelemetry would wait for half a minute."""
    acting = Thread(target=act, daemon=True)
    acting.start()
    acting.join(seconds)
