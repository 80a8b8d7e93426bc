"""What a gateway process is made of; handed to every route."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from bff.broker.connect import Broker
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import Job
from bff.broker.rollout import Rollout
from bff.catalog.catalog import Catalog
from bff.catalog.clients import ClientRegister
from gateway.metrics import Metrics
from gateway.pace import PollPace
from gateway.push.live import Live
from gateway.push.waiters import Channel, Waiters
from gateway.settings import GatewaySettings
from gateway.submission.inline import Inline
from gateway.submission.synchronous import Synchronous


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
    pace: PollPace = field(default_factory=PollPace)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    _claims: set["asyncio.Task[None]"] = field(default_factory=set)

    def drain(self) -> None:
        self.draining.set()
        self.live.drain()

    def retrieved(self, job: Job, channel: Channel) -> None:
        """A job was handed to its own client: counted, and claimed where it has ended."""
        self.metrics.retrieved(channel)
        self.claim(job)

    def claim(self, job: Job) -> None:
        """Its client is being shown it. How it ended is then known: whoever would be told so otherwise need not be.

        Goes on beside the answer. One that fails makes for a notification too many, and no more.
        """
        if job.to_claim and job.status.terminal:
            claiming = asyncio.create_task(self._claimed(job.id))
            self._claims.add(claiming)
            claiming.add_done_callback(self._claims.discard)

    async def _claimed(self, job_id: str) -> None:
        with suppress(BrokerUnavailable):
            await self.broker.jobs.claim(job_id)


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that this request came to."""
    gateway = connection.app.state.gateway
    assert isinstance(gateway, Gateway)
    return gateway
