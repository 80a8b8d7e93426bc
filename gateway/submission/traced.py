"""Where a trace enters: the span of a request that submits, and that of its job's way into the broker."""

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from starlette.datastructures import Headers

from bff.broker.job import Mode
from bff.broker.jobs import Submission
from bff.trace.context import TraceContext
from bff.trace.span import NONE, Kind, Span, current, span, tracing
from gateway.steering import trace_of

log = logging.getLogger(__name__)

_SENT = {"messaging.system": "redis", "messaging.operation.name": "submit", "messaging.operation.type": "send"}


def serving(headers: Headers, route: str) -> AbstractContextManager[Span]:
    """The span of the request, a child of the client's. Where none is recorded, what the request has anyway."""
    if not tracing():
        return nullcontext(current().joins(trace_of(headers)))
    asked = {"http.request.method": "POST", "http.route": route}
    return span(f"POST {route}", Kind.SERVER, parent=trace_of(headers), attributes=asked)


def answered(served: Span, status: int, outcome: str) -> None:
    served.came_to(outcome, {"http.response.status_code": status}, failed=status >= 500)
    log.debug("answered with %d", status)


def submitting(submission: Submission) -> Span:
    """The span that the job's own is: what is done for it, here and in workers, is done in this one."""
    sent = submission.mode is Mode.ASYNC
    return span(
        f"submit {submission.operation}",
        Kind.PRODUCER if sent else Kind.INTERNAL,
        parent=TraceContext(submission.traceparent, submission.tracestate),
        attributes=_SENT if sent else NONE,
        correlation_id=submission.id,
    )


def carrying(submission: Submission, submitted: Span) -> Submission:
    """The submission with its span's place in the trace."""
    traceparent, tracestate = submitted.context
    return replace(submission, traceparent=traceparent, tracestate=tracestate)
