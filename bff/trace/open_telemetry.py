"""Spans recorded by OpenTelemetry; with `export`, its only home, imported only where traces are asked for."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bff.trace.context import TraceContext
from bff.trace.span import NONE, Attributes, Fields, Kind, Span

_KINDS: Final = {kind: SpanKind[kind.name] for kind in Kind}
_propagator = TraceContextTextMapPropagator()


class Recorded(Span):
    """Of OpenTelemetry; where the trace is not sampled, only its ids are passed on."""

    __slots__ = ("otel",)

    traced = True

    def __init__(self, otel: trace.Span, own: Fields, around: Span) -> None:
        super().__init__(_context_of(otel), own, around)
        self.otel = otel

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """An exception's text is never kept: it may quote what a client sent."""
        super().__exit__(kind, error, traceback)
        if kind is not None and "outcome" not in self._own:
            self._fail(kind.__qualname__)
        self.otel.end()

    @property
    def span_id(self) -> str:
        return self.context.traceparent[36:52] if self.otel.is_recording() else ""

    def note(self, **fields: Any) -> None:
        super().note(**fields)
        self.otel.set_attributes(_named(fields))

    def came_to(self, outcome: str, attributes: Attributes = NONE, *, failed: bool = False) -> None:
        super().came_to(outcome)
        self.otel.set_attributes({"bff.outcome": outcome, **attributes})
        if failed:
            self._fail(outcome)

    def _fail(self, error: str) -> None:
        self.otel.set_attribute("error.type", error)
        self.otel.set_status(Status(StatusCode.ERROR))


class OpenTelemetry:
    """Makes them with a provider of OpenTelemetry's."""

    def __init__(self, provider: trace.TracerProvider) -> None:
        self._tracer = provider.get_tracer("async-bff-gateway")

    def begin(
        self, name: str, kind: Kind, parent: TraceContext | None, around: Span, own: Fields, attributes: Attributes
    ) -> Span:
        within = _within(parent, around)
        # A consumer's span names the one that sent its message, also where that is its parent (semantic conventions).
        links = [Link(trace.get_current_span(within).get_span_context())] if kind is Kind.CONSUMER else None
        span = Recorded(self._tracer.start_span(name, within, _KINDS[kind], attributes, links), own, around)
        if span.otel.is_recording():
            span.otel.set_attributes(_named(span.fields))
        return span


def _within(parent: TraceContext | None, around: Span) -> Context:
    if isinstance(around, Recorded) and parent in (None, around.context):
        return trace.set_span_in_context(around.otel, Context())
    context = around.context if parent is None else parent
    return _propagator.extract(context.headers, Context())


def _context_of(otel: trace.Span) -> TraceContext:
    context = otel.get_span_context()
    traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return TraceContext(traceparent, context.trace_state.to_header())


def _named(fields: Mapping[str, Any]) -> dict[str, str | int]:
    return {f"bff.{name}": value for name, value in fields.items()}
