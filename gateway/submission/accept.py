"""Handing a validated request to the broker: accepted, known already, or refused with the reason why."""

import time
from dataclasses import replace

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Mode
from bff.broker.jobs import Accepted, Conflict, QuotaExceeded, Refused, Replayed, Submission
from bff.catalog.clients import Client
from bff.catalog.model import Operation, Parameters
from bff.failpoints import Point, failpoint
from bff.trace.span import current
from gateway import problems
from gateway.gateway import Gateway
from gateway.problems import Problem
from gateway.submission.refusal import quota_exceeded, refusal
from gateway.submission.traced import carrying, submitting


def require_allowed(client: Client, operation: str) -> None:
    """Raises Problem `forbidden`."""
    if not client.may_ask(operation):
        raise Problem(problems.FORBIDDEN, f"The client {client.name!r} may not ask for {operation!r}.")


async def accept(
    gateway: Gateway, operation: Operation, parameters: Parameters, submission: Submission
) -> Accepted | Replayed:
    """Durable in the broker. Raises Problem where it is not taken, BrokerUnavailable where that is unknown."""
    served = current()
    served.note(
        operation=submission.operation, priority=submission.priority, mode=submission.mode, client=submission.client
    )
    accepting = _traced if served.traced else _accept
    taken = await accepting(gateway, operation, parameters, submission)
    job_id, outcome = (submission.id, "accepted") if isinstance(taken, Accepted) else (taken.job_id, "replayed")
    served.note(correlation_id=job_id, outcome=outcome)
    return taken


async def _traced(
    gateway: Gateway, operation: Operation, parameters: Parameters, submission: Submission
) -> Accepted | Replayed:
    with submitting(submission) as submitted:
        try:
            taken = await _accept(gateway, operation, parameters, carrying(submission, submitted))
        except Problem as problem:
            submitted.came_to(problem.type.slug)
            raise
        submitted.came_to("accepted" if isinstance(taken, Accepted) else "replayed")
        return taken


async def _accept(
    gateway: Gateway, operation: Operation, parameters: Parameters, submission: Submission
) -> Accepted | Replayed:
    if gateway.draining.is_set():
        gateway.rejected(submission, problems.DRAINING.slug)
        raise Problem(problems.DRAINING, "This gateway is shutting down.", retry_after=1)
    failpoint(Point.BEFORE_SUBMIT)
    try:
        if submission.mode is Mode.ASYNC and operation.has_inline:
            submission = replace(submission, done=await gateway.inline.perform(operation, parameters, submission.id))
        began = time.perf_counter()
        try:
            submitted = await gateway.broker.jobs.submit(submission)
        finally:
            gateway.metrics.accepting(operation.name, time.perf_counter() - began)
    except BrokerUnavailable:
        gateway.rejected(submission, problems.BROKER_UNAVAILABLE.slug)
        raise
    failpoint(Point.AFTER_SUBMIT)
    match submitted:
        case Accepted():
            gateway.metrics.submitted(submission)
            gateway.metrics.ended(submitted.ended)
            return submitted
        case Replayed():
            return submitted
        case Conflict():
            detail = "This Idempotency-Key was used for this operation with another body."
            raise Problem(problems.IDEMPOTENCY_KEY_REUSED, detail)
        case Refused() as refused:
            gateway.rejected(submission, refused.reason)
            raise refusal(refused, submission)
        case QuotaExceeded() as exceeded:
            gateway.rejected(submission, problems.QUOTA_EXCEEDED.slug)
            raise quota_exceeded(exceeded, submission)
