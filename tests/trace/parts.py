"""A gateway, a worker's consumers and notifier, and the services that they call, all in the test's own event loop."""

import asyncio
import json
import tempfile
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from arq.connections import ArqRedis
from redis.asyncio import Redis

from bff.broker.arrivals import Arrivals
from bff.broker.background import background
from bff.broker.lanes import Lanes
from bff.broker.outbox import Outbox
from bff.calls.perform import Performer
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import ClientRegister
from bff.downstream.client import Downstream
from gateway.app import create_app
from gateway.gateway import Gateway
from gateway.settings import GatewaySettings
from tests.contract.receiver import Receiver, receiver
from tests.downstream.server import Exchange, Received, Script, serving
from tests.downstream.server import Server as Services
from tests.workers.notifying import SECRET
from workers.consumer import Consumer
from workers.metrics import Metrics
from workers.notifier import Notifier
from workers.webhook import Webhooks


@dataclass(frozen=True, slots=True)
class Parts:
    api: httpx.AsyncClient
    services: Services
    hook: Receiver
    gateway: Gateway
    notifier: Notifier

    async def result_of(self, operation: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
        """The job, ended."""
        sent = {"Prefer": "wait=20", **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = await self.api.post(f"/v1/operations/{operation}", json=body, headers=sent)
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def called(self, service: str) -> list[Received]:
        return [received for received in self.services.received if received.line.split()[1].startswith(f"/{service}")]

    async def tell(self) -> None:
        """What arq does with what it is handed."""
        for turn in await Outbox(self.gateway.broker.cell).hand_over(10):
            await self.notifier.deliver(turn)


@asynccontextmanager
async def parts(redis_url: str) -> AsyncIterator[Parts]:
    with tempfile.TemporaryDirectory() as directory, receiver() as hook:
        clients_file = Path(directory, "clients.toml")
        clients_file.write_text(f'[clients.public]\nwebhook_secrets = ["{SECRET}"]\n')
        async with serving(_charging_at_the_second_time()) as services:
            settings = GatewaySettings(
                redis_url=redis_url,
                key_prefix=f"test-{uuid.uuid4().hex[:12]}",
                clients_file=clients_file,
                webhook_allowed=hook.origin,
                downstream_url=services.url,
            )
            async with _served(settings, services, hook) as made:
                yield made


@asynccontextmanager
async def _served(settings: GatewaySettings, services: Services, hook: Receiver) -> AsyncIterator[Parts]:
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    clients = ClientRegister(settings.clients_file)
    app = create_app(settings, catalog, clients)
    async with app.router.lifespan_context(app):
        gateway: Gateway = app.gateway
        cell = gateway.broker.cell
        await cell.configure()
        metrics, downstream = Metrics(catalog), Downstream(catalog.services.values())
        webhooks = Webhooks(settings.webhook_origins)
        queue = ArqRedis(Redis.from_url(settings.redis_url).connection_pool)
        notifier = Notifier(Outbox(cell), clients, webhooks, None, metrics, queue)
        consumers, waits = [], []
        for service in catalog.services.values():
            lanes = Lanes(cell, service.name, "w1")
            performer = Performer(catalog, service, lanes, downstream, metrics)
            waits.append(Arrivals(lanes, settings.redis_url))
            consumers.append(Consumer(performer, lanes, waits[-1], metrics))
        transport = httpx.ASGITransport(app)
        async with (
            background(consume=_all_of(consumers)),
            httpx.AsyncClient(transport=transport, base_url="http://gateway") as api,
        ):
            yield Parts(api, services, hook, gateway, notifier)
            for consumer in consumers:
                consumer.stop()
                await consumer.drained(5)
        for each in waits:
            await each.aclose()
        await webhooks.aclose()
        await downstream.aclose()
        await queue.aclose(close_connection_pool=True)


async def _all_of(consumers: Sequence[Consumer]) -> None:
    await asyncio.gather(*(consumer.run() for consumer in consumers))


def _charging_at_the_second_time() -> Script:
    """Answers every call, but the first charge with 503."""
    asked: Counter[str] = Counter()

    async def answer(exchange: Exchange) -> None:
        path = exchange.received.line.split()[1]
        asked[path] += 1
        if "payments" in path and asked[path] == 1:
            await exchange.answer(b"", "503 Service Unavailable")
        else:
            await exchange.answer(json.dumps({"reservation_id": "r1", "charge_id": "c1", "order_id": "o1"}).encode())

    return answer
