"""Spans: a piece of work, and what is known of it. Log lines within it say that; OpenTelemetry may record it."""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from enum import StrEnum
from types import MappingProxyType, TracebackType
from typing import Protocol, Self, TypedDict, Unpack

from bff.trace.context import NOWHERE, TraceContext

Attributes = Mapping[str, str | int]
NONE: Attributes = MappingProxyType({})


class Kind(StrEnum):
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class Fields(TypedDict, total=False):
    """All that may be known of a piece of work: names, numbers and words of ours, never what clients send."""

    correlation_id: str
    operation: str
    priority: str
    mode: str
    client: str
    service: str
    call: str
    attempt: int
    outcome: str


class Span:
    """Not recorded: no more than what log lines and the next process are to know.

    `context` is what is passed on. A span lasts as long as its `with`; what begins within is its child.
    """

    __slots__ = ("_around", "_before", "_own", "context")

    traced = False
    """Whether `context` is a place of its own in the trace, and no longer the one that came in."""

    def __init__(self, context: TraceContext, own: Fields, around: "Span | None" = None) -> None:
        self.context = context
        self._own = own
        self._around = around

    def __enter__(self) -> Self:
        self._before: Token[Span] = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.reset(self._before)

    @property
    def fields(self) -> Fields:
        """Its own, and what the spans around it know; put together only when somebody asks."""
        if self._around is None:
            return self._own
        inherited = self._around.fields.copy()
        inherited.pop("outcome", None)  # of those around it, and not yet known
        return {**inherited, **self._own}

    @property
    def outcome(self) -> str:
        """Empty as long as it is not known."""
        return self._own.get("outcome", "")

    @property
    def span_id(self) -> str:
        """Empty where nobody could find it anywhere."""
        return ""

    def note(self, **fields: Unpack[Fields]) -> None:
        """What became known only now."""
        self._own.update(fields)

    def joins(self, context: TraceContext) -> "Span":
        """Where the work turns out to belong to a trace that came in."""
        self.context = context
        return self

    def came_to(self, outcome: str, attributes: Attributes = NONE, *, failed: bool = False) -> None:
        """How it ended, in one word of ours."""
        self._own["outcome"] = outcome


class Tracer(Protocol):
    """Whoever makes spans of what is begun. `own` becomes the span's."""

    def begin(
        self, name: str, kind: Kind, parent: TraceContext | None, around: Span, own: Fields, attributes: Attributes
    ) -> Span: ...


class Untraced:
    """Records nothing: the trace that came in is passed on as it is."""

    def begin(
        self, name: str, kind: Kind, parent: TraceContext | None, around: Span, own: Fields, attributes: Attributes
    ) -> Span:
        return Span(around.context if parent is None else parent, own, around)


class _Nothing(Span):
    """Around everything: shared by all, so nothing is noted on it."""

    __slots__ = ()

    def note(self, **fields: Unpack[Fields]) -> None:
        pass

    def joins(self, context: TraceContext) -> Span:
        return Span(context, {})

    def came_to(self, outcome: str, attributes: Attributes = NONE, *, failed: bool = False) -> None:
        pass


UNTRACED = Untraced()
_NOTHING = _Nothing(NOWHERE, {})
_current: ContextVar[Span] = ContextVar("span", default=_NOTHING)
_tracer: Tracer = UNTRACED


def span(
    name: str,
    kind: Kind,
    *,
    parent: TraceContext | None = None,
    attributes: Attributes = NONE,
    **own: Unpack[Fields],
) -> Span:
    """A new one, to be entered at once. It knows what the one around it knows, which is its parent if none is given."""
    return _tracer.begin(name, kind, parent, _current.get(), own, attributes)


def tracing() -> bool:
    """Whether spans are recorded."""
    return _tracer is not UNTRACED


def current() -> Span:
    return _current.get()


def know(**fields: Unpack[Fields]) -> None:
    """From here on in this task, without a span."""
    _current.set(Span(NOWHERE, fields))


def trace_with(tracer: Tracer) -> None:
    """From here on in this process."""
    global _tracer
    _tracer = tracer
