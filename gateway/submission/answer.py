"""What is answered to a submission that was accepted, now or before."""

from collections.abc import Mapping
from contextlib import suppress
from math import ceil

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Job, Mode
from bff.broker.jobs import Accepted
from bff.catalog.clients import Client
from bff.failpoints import Point, failpoint
from bff.policies.polling import POLL_SECONDS
from bff.wire.document import document_of, poll_seconds
from gateway import problems
from gateway.gateway import Gateway
from gateway.problems import Problem
from gateway.push.hold import held, held_to_the_end
from gateway.push.waiters import Channel
from gateway.steering import Preferences
from gateway.submission.refusal import quota_headers

MAX_RETRY_AFTER_SECONDS = 30
TOLD_WITHIN_SECONDS = 1.0
"""After its deadline a job ends within so long."""


def at_once(gateway: Gateway, accepted: Accepted, preferences: Preferences) -> Response:
    """202 with the job, of which all waits that is not done already, inline."""
    failpoint(Point.BEFORE_RESPONSE)
    shortest, _ = POLL_SECONDS  # of a new job, polling asks for that, or for less than is expected anyway
    retry_after = _retry_after(shortest, accepted.expected_ms)
    body, usage = gateway.forms.written(accepted), quota_headers(accepted.usage)
    return _response(202, body, accepted.submission.id, preferences, retry_after, usage)


async def replay(gateway: Gateway, request: Request, client: Client, job_id: str, preferences: Preferences) -> Response:
    job = await gateway.broker.jobs.read(job_id)
    if job is None:  # by the lifetimes of both records only within the second in which they expire
        raise Problem(problems.JOB_GONE, "The job of this Idempotency-Key is no longer kept.")
    if job.mode is Mode.SYNC and not job.status.terminal:
        detail = "The first request with this Idempotency-Key is still being answered."
        raise Problem(
            problems.REQUEST_IN_PROGRESS,
            detail,
            members={"job": job.id},
            retry_after=min(MAX_RETRY_AFTER_SECONDS, max(1, ceil(job.expected_ms / 1000))),
        )
    return await answer(gateway, request, client, job, preferences, {"Idempotency-Replayed": "true"})


async def answer(
    gateway: Gateway,
    request: Request,
    client: Client,
    job: Job,
    preferences: Preferences,
    headers: dict[str, str],
) -> Response:
    """202 with the job, or 200 with its result where it has ended, maybe while the answer was held."""
    waits = preferences.wait_seconds or job.mode is Mode.SYNC
    if waits and not job.status.terminal:
        with suppress(BrokerUnavailable):  # what was accepted is, whether or not it can be read now
            job = await _held(gateway, request, client, job, preferences.wait_seconds) or job
    failpoint(Point.BEFORE_RESPONSE)
    ended = job.status.terminal
    if ended:
        gateway.retrieved(job, Channel.LONG_POLL if waits else Channel.POLL)
    retry_after = None if ended else _retry_after(poll_seconds(job), job.expected_ms)
    return _response(200 if ended else 202, to_json(document_of(job)), job.id, preferences, retry_after, headers)


class _Answer(Response):
    """Whose headers are as they are sent from the start."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status_code, self.raw_headers, self.body = status, headers, body
        self.background = None


def _response(
    status: int, body: bytes, job_id: str, preferences: Preferences, retry_after: int | None, headers: Mapping[str, str]
) -> Response:
    id_ = job_id.encode()
    sent = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/json"),
        (b"location" if status == 202 else b"content-location", b"/v1/jobs/" + id_),
        (b"x-correlation-id", id_),
        (b"vary", b"Prefer"),
        (b"cache-control", b"no-store"),
    ]
    if retry_after is not None:
        sent.append((b"retry-after", b"%d" % retry_after))
    if preferences.applied:
        sent.append((b"preference-applied", preferences.applied.encode()))
    for name, value in headers.items():
        sent.append((name.lower().encode(), value.encode()))
    return _Answer(status, sent, body)


async def _held(gateway: Gateway, request: Request, client: Client, job: Job, wait_seconds: float | None) -> Job | None:
    """A synchronous job is waited for up to its deadline, where the client does not want it otherwise."""
    if job.mode is Mode.SYNC:
        left_seconds = (job.deadline_ms - job.now_ms) / 1000 + TOLD_WITHIN_SECONDS
        return await held_to_the_end(gateway, request, job, left_seconds if wait_seconds is None else wait_seconds)
    return await held(gateway, request, client, job.id, wait_seconds or 0, known=job)


def _retry_after(poll_seconds: float, expected_ms: int) -> int:
    """When the result can be expected, from the measured drain rate; no sooner than polling is asked for."""
    return min(ceil(max(poll_seconds, expected_ms / 1000)), MAX_RETRY_AFTER_SECONDS)
