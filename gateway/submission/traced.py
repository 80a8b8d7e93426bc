"""Where a trace enters: the span of a request that submits, and that of its job's way into the broker."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from starlette.requests import Request

from bff.broker.errors import BrokerUnavailable
from bff.broker.jobs import Submission
from bff.trace.context import TraceContext
from bff.trace.span import Kind, Span, span
from gateway import problems
from gateway.problems import Problem
from gateway.steering import trace_of

log = logging.getLogger(__name__)

_SENT = {"messaging.system": "redis", "messaging.operation.name": "submit", "messaging.operation.type": "send"}


@contextmanager
def served(request: Request, route: str) -> Iterator[Span]:
    """The span of the request, a child of the client's. A problem passes through, and is how it ended."""
    asked = {"http.request.method": "POST", "http.route": route}
    with span(f"POST {route}", Kind.SERVER, parent=trace_of(request.headers), attributes=asked) as serving:
        try:
            yield serving
        except Problem as problem:
            answered(serving, problem.type.status, problem.type.slug)
            raise
        except BrokerUnavailable:
            answered(serving, problems.BROKER_UNAVAILABLE.status, problems.BROKER_UNAVAILABLE.slug)
            raise


def answered(serving: Span, status: int, outcome: str) -> None:
    serving.came_to(outcome, {"http.response.status_code": status}, failed=status >= 500)
    log.debug("answered with %d", status)


def submitting(submission: Submission) -> Span:
    """The span that the job's own is: what is done for it, here and in workers, is done in this one."""
    return span(
        f"submit {submission.operation}",
        Kind.PRODUCER,
        parent=TraceContext(submission.traceparent, submission.tracestate),
        attributes=_SENT,
        correlation_id=submission.id,
        operation=submission.operation,
        priority=submission.priority,
        mode=submission.mode,
        client=submission.client,
    )


def carrying(submission: Submission, submitted: Span) -> Submission:
    """The submission with its span's place in the trace; untraced, what the client sent is carried as it is."""
    if not submitted.traced:
        return submission
    traceparent, tracestate = submitted.context
    return replace(submission, traceparent=traceparent, tracestate=tracestate)
