"""Not now: what a client is told that the broker turned away."""

import random

from bff.broker.jobs import Bound, QuotaExceeded, Refusal, Refused, Submission
from bff.broker.quota import UNLIMITED, Quota, Usage
from bff.catalog.clients import Client
from bff.policies.polling import retry_after_seconds
from bff.wire.problem import ProblemType
from gateway import problems
from gateway.problems import Problem

REFUSALS: dict[Refusal, ProblemType] = {
    Refusal.QUEUE_FULL: problems.QUEUE_FULL,
    Refusal.SHEDDING: problems.SHEDDING,
    Refusal.DEADLINE_UNATTAINABLE: problems.DEADLINE_UNATTAINABLE,
    Refusal.DOWNSTREAM_UNAVAILABLE: problems.DOWNSTREAM_UNAVAILABLE,
}


def refusal(refused: Refused, submission: Submission) -> Problem:
    predicted = refused.expected_ms / 1000
    detail = f"Service {refused.service!r} is behind; predicted wait {predicted:.1f} s, priority {submission.priority}."
    if refused.reason is Refusal.DEADLINE_UNATTAINABLE:
        asked = submission.timeout_ms / 1000
        detail = f"After a predicted wait of {predicted:.1f} s for service {refused.service!r}, it would not be done "
        detail += f"within the {asked:g} s that the client waits."
    if refused.reason is Refusal.DOWNSTREAM_UNAVAILABLE:
        again = refused.retry_ms / 1000
        detail = f"Service {refused.service!r} failed too often of late, or is held; ask again in {again:.1f} s."
    return Problem(
        REFUSALS[refused.reason],
        detail,
        members={"service": refused.service, "predicted_wait_seconds": round(predicted, 1)},
        retry_after=retry_after_seconds(refused.retry_ms, random.random),
    )


def quota_of(client: Client) -> Quota:
    if not client.requests and not client.max_in_flight:
        return UNLIMITED
    return Quota(requests=client.requests, window_seconds=client.window_seconds, max_in_flight=client.max_in_flight)


def quota_exceeded(exceeded: QuotaExceeded, submission: Submission) -> Problem:
    quota = submission.quota
    detail = f"{quota.requests} requests in {quota.window_seconds} s are allowed."
    if exceeded.bound is Bound.IN_FLIGHT:
        detail = f"{quota.max_in_flight} jobs in flight are allowed; wait for one to end, or cancel one."
    return Problem(
        problems.QUOTA_EXCEEDED,
        detail,
        members={"bound": exceeded.bound},
        headers=quota_headers(exceeded.usage),
        retry_after=retry_after_seconds(exceeded.retry_ms, random.random),
    )


def quota_headers(usage: Usage | None) -> dict[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers-10 has them: what is allowed, and what is left of it."""
    if usage is None:
        return {}
    quota = usage.quota
    return {
        "RateLimit-Policy": f'"requests";q={quota.requests};w={quota.window_seconds}',
        "RateLimit": f'"requests";r={usage.remaining};t={usage.reset_seconds}',
    }
