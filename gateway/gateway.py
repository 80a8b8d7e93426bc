"""What a gateway process is made of; handed to every route."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf

from starlette.requests import HTTPConnection

from bff.broker.connect import Broker
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Job
from bff.broker.jobs import Submission
from bff.broker.rollout import Rollout
from bff.catalog.catalog import Catalog
from bff.catalog.clients import ClientRegister
from bff.wire.form import Forms
from gateway.metrics import Metrics
from gateway.pace import PollPace
from gateway.push.live import Live
from gateway.push.overview import Overview
from gateway.push.waiters import Channel, Waiters
from gateway.settings import GatewaySettings
from gateway.submission.inline import Inline
from gateway.submission.synchronous import Synchronous

CLAIMED_AT_ONCE = 100
REJECTS_SECONDS = 1.0


@dataclass(slots=True)
class Gateway:
    """`draining` is set once the process was asked to end: no new work, held answers go out."""

    settings: GatewaySettings
    catalog: Catalog
    broker: Broker
    inline: Inline
    synchronous: Synchronous
    rollout: Rollout
    metrics: Metrics
    clients: ClientRegister
    live: Live
    waiters: Waiters
    overview: Overview
    forms: Forms = field(default_factory=Forms)
    pace: PollPace = field(default_factory=PollPace)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    _rejected_at: dict[str, float] = field(default_factory=dict)
    _drain_began: float | None = None
    _to_claim: dict[str, None] = field(default_factory=dict)
    _claiming: "asyncio.Task[None] | None" = None

    def drain(self) -> None:
        self._drain_began = time.monotonic()
        self.draining.set()
        self.live.drain()

    @property
    def drain_left_seconds(self) -> float:
        """Of the time for draining."""
        gone = 0.0 if self._drain_began is None else time.monotonic() - self._drain_began
        return max(0.0, self.settings.drain_seconds - gone)

    def rejected(self, submission: Submission, reason: str) -> None:
        """It was not accepted: counted, and remembered."""
        self.metrics.rejected(submission, reason)
        self._rejected_at[submission.operation] = time.monotonic()

    def rejects(self, operation: str) -> bool:
        """Whether a request for it was rejected within the last second: more are likely to be, and must cost little."""
        return time.monotonic() - self._rejected_at.get(operation, -inf) < REJECTS_SECONDS

    def retrieved(self, job: Job, channel: Channel) -> None:
        """A job was handed to its own client: counted, and claimed where it has ended."""
        self.metrics.retrieved(channel)
        self.claim(job)

    def claim(self, job: Job) -> None:
        """Its client is being shown it. How it ended is then known: whoever would be told so otherwise need not be.

        Goes on beside the answer, many at a time. One that fails makes for a notification, or a result that counts as
        not fetched, too many, and no more.
        """
        if not job.to_claim:
            return
        self._to_claim[job.id] = None
        if self._claiming is None or self._claiming.done():
            self._claiming = asyncio.create_task(self._claim())

    async def _claim(self) -> None:
        while self._to_claim:
            chunk = list(self._to_claim)[:CLAIMED_AT_ONCE]
            for job_id in chunk:
                del self._to_claim[job_id]
            with suppress(BrokerUnavailable):
                await self.broker.jobs.claim(*chunk)


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that this request came to."""
    gateway: Gateway = connection.scope["app"].gateway
    return gateway
