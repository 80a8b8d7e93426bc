"""What a gateway process is made of; handed to every route."""

import asyncio
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from bff.broker.connect import Broker
from bff.catalog.catalog import Catalog
from bff.catalog.clients import ClientRegister
from gateway.inline import Inline
from gateway.metrics import Metrics
from gateway.pace import PollPace
from gateway.settings import GatewaySettings


@dataclass(slots=True)
class Gateway:
    """`draining` is set once the process was asked to end: no new work, held answers go out."""

    settings: GatewaySettings
    catalog: Catalog
    broker: Broker
    inline: Inline
    metrics: Metrics
    clients: ClientRegister
    pace: PollPace = field(default_factory=PollPace)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    waiters: int = 0

    def drain(self) -> None:
        self.draining.set()
        self.broker.watch.wake_everybody()


def gateway_of(connection: HTTPConnection) -> Gateway:
    """The gateway that this request came to."""
    gateway = connection.app.state.gateway
    assert isinstance(gateway, Gateway)
    return gateway
