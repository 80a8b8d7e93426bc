"""Clients that go on submitting while a fault is on, and repeat what they do not know the end of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.faults.cluster import CHECKOUT, LONG_SECONDS, Cluster
from tests.faults.processes import PATIENCE_SECONDS

BODIES: dict[str, Any] = {"echo": {"text": "hi"}, "checkout": CHECKOUT}
CLIENTS = 4
PAUSE_SECONDS = 0.02


@dataclass
class Load:
    """`accepted` is the id that each Idempotency-Key got; `refused` counts the answers "not now"."""

    cluster: Cluster
    operation: str
    accepted: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def job_ids(self) -> list[str]:
        return list(self.accepted.values())

    async def submit(self) -> None:
        """One client: each request is repeated, with its key, until it is accepted."""
        while not self.over.is_set():
            key = uuid4().hex
            while key not in self.accepted:
                answer = await post(self.cluster, self.operation, key)
                if answer.status_code == 202:
                    self.accepted[key] = answer.json()["id"]
                else:
                    refused_for_now(answer)
                    self.refused += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def until_accepted(self, more: int) -> None:
        """Wait until so many more are."""
        wanted = len(self.accepted) + more

        async def accepted() -> bool:
            return len(self.accepted) >= wanted

        await self.cluster.until(accepted, f"{more} more jobs are accepted")

    async def until_refused(self) -> None:
        """Wait until one more is."""
        before = self.refused

        async def refused() -> bool:
            return self.refused > before

        await self.cluster.until(refused, "a job is refused")


@asynccontextmanager
async def load(cluster: Cluster, operation: str = "echo") -> AsyncIterator[Load]:
    """A few clients at once. At the end all that they asked for is accepted: by then the fault must be over."""
    submitted = Load(cluster, operation)
    clients = [asyncio.create_task(submitted.submit()) for _ in range(CLIENTS)]
    try:
        yield submitted
        submitted.over.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*clients)
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


async def post(cluster: Cluster, operation: str, key: str) -> httpx.Response:
    headers = {"Idempotency-Key": key, "Request-Timeout": LONG_SECONDS}
    return await cluster.http.post(f"/v1/operations/{operation}", json=BODIES[operation], headers=headers)


def refused_for_now(answer: httpx.Response) -> None:
    """Nothing but the broker is the trouble, and the client is told when to come again."""
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"].endswith("broker-unavailable")
    assert int(answer.headers["Retry-After"]) >= 1


async def until_unfit(cluster: Cluster, why: str) -> None:
    """Wait until the gateway says that it is not ready, and that this is the reason."""

    async def said() -> bool:
        answer = await cluster.http.get("/readyz")
        return answer.status_code == 503 and why in answer.json()["detail"]

    await cluster.until(said, f"the gateway is not ready: {why}")


def jobs_kept(cluster: Cluster) -> set[str]:
    """The ids of all jobs that the broker knows."""
    return {key.decode().rpartition(":")[2] for key in cluster.redis.client.scan_iter("bff:{c0}:job:*")}
