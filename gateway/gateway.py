"""What a gateway process is made of; handed to every route."""

import asyncio
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from bff.broker.connect import Broker
from bff.broker.job import Job
from bff.catalog.catalog import Catalog
from bff.catalog.clients import ClientRegister
from gateway.inline import Inline
from gateway.live import Live
from gateway.metrics import Metrics
from gateway.pace import PollPace
from gateway.settings import GatewaySettings
from gateway.waiters import Channel, Waiters


@dataclass(slots=True)
class Gateway:
    """`draining` is set once the process was asked to end: no new work, held answers go out."""

    settings: GatewaySettings
    catalog: Catalog
    broker: Broker
    inline: Inline
    metrics: Metrics
    clients: ClientRegister
    live: Live
    waiters: Waiters
    pace: PollPace = field(default_factory=PollPace)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def drain(self) -> None:
        self.draining.set()
        self.live.drain()

    def retrieved(self, job: Job, channel: Channel) -> None:
        """A job was handed to its own client. What follows from its having been fetched once it ended begins here."""
        self.metrics.retrieved(channel)


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that this request came to."""
    gateway = connection.app.state.gateway
    assert isinstance(gateway, Gateway)
    return gateway
