"""A seeded monkey: breaks a part of the cluster every now and then, and heals it again."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from tests.faults.cluster import Cluster
from tests.faults.processes import Process

SERVICES = ("echo", "inventory", "payments", "orders", "accounts", "recommendations", "history", "reports")
ILLNESSES: tuple[dict[str, Any], ...] = (
    {"error_rate": 0.5, "error_status": 500},
    {"error_rate": 1.0, "error_status": 503, "retry_after_seconds": 1},
    {"error_rate": 0.7, "error_status": 429, "retry_after_seconds": 1},
    {"hang_rate": 0.3},
    {"reset_rate": 0.5},
    {"garbage_rate": 0.5},
)
HEALTH = dict.fromkeys(("error_rate", "hang_rate", "reset_rate", "garbage_rate"), 0)
FROZEN_SECONDS = (0.5, 6.0)
"""From less than any time limit of who waits for a gateway or Redis to more than all of them."""
WORKER_FROZEN_SECONDS = (0.5, 10.0)
"""Until all it holds is certain to be given to others."""
AWAY_SECONDS = (0.0, 3.0)
ILL_SECONDS = (1.0, 8.0)

Fault = Callable[[random.Random], Awaitable[None]]


@dataclass
class Monkey:
    """Faults of processes, of Redis and of services come independently of one another, and overlap.

    `say` hears of each; `pause_seconds` is from one of a kind to the next.
    """

    cluster: Cluster
    chance: random.Random
    say: Callable[[str], None]
    workers: list[Process]
    gateways: list[Process]
    pause_seconds: tuple[float, float]
    faults: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def rage(self, seconds: float) -> None:
        """Break things for so long. In the end everything is healed: each fault undoes itself."""
        kinds: tuple[Sequence[Fault], ...] = (
            (self.worker_killed, self.worker_ended, self.worker_frozen,
             self.gateway_killed, self.gateway_ended, self.gateway_frozen),
            (self.redis_killed, self.redis_frozen, self.scripts_forgotten, self.everybody_hung_up_on),
            (self.service_ill,),
        )  # fmt: skip
        async with asyncio.TaskGroup() as group:
            for kind in kinds:
                group.create_task(self._again_and_again(kind, random.Random(self.chance.random())))
            await asyncio.sleep(seconds)
            self.over.set()
        for process in (*self.workers, *self.gateways):
            assert process.alive, f"nobody ended it: {process.last_words()}"
        await self.cluster.until_ready()

    async def _again_and_again(self, kind: Sequence[Fault], chance: random.Random) -> None:
        await self._pause(chance.uniform(*self.pause_seconds))
        while not self.over.is_set():
            fault = chance.choice(kind)
            self.faults += 1
            self.say(fault.__name__.replace("_", " "))
            await fault(chance)
            await self._pause(chance.uniform(*self.pause_seconds))

    async def _pause(self, seconds: float) -> None:
        """Shorter when all is to be over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()

    async def worker_killed(self, chance: random.Random) -> None:
        async with self._replaced(chance, self.workers, self._new_worker) as worker:
            worker.kill()

    async def worker_ended(self, chance: random.Random) -> None:
        async with self._replaced(chance, self.workers, self._new_worker) as worker:
            await _ended(worker)

    async def worker_frozen(self, chance: random.Random) -> None:
        await self._freeze(chance, chance.choice(self.workers), WORKER_FROZEN_SECONDS)

    async def gateway_killed(self, chance: random.Random) -> None:
        async with self._replaced(chance, self.gateways, self._new_gateway) as gateway:
            gateway.kill()

    async def gateway_ended(self, chance: random.Random) -> None:
        async with self._replaced(chance, self.gateways, self._new_gateway) as gateway:
            await _ended(gateway)

    async def gateway_frozen(self, chance: random.Random) -> None:
        await self._freeze(chance, chance.choice(self.gateways))

    async def redis_killed(self, chance: random.Random) -> None:
        self.cluster.redis.process.kill()
        await self._pause(chance.uniform(*AWAY_SECONDS))
        self.cluster.redis.start()

    async def redis_frozen(self, chance: random.Random) -> None:
        await self._freeze(chance, self.cluster.redis.process)

    async def scripts_forgotten(self, _: random.Random) -> None:
        with suppress(RedisError):
            self.cluster.redis.client.script_flush()

    async def everybody_hung_up_on(self, _: random.Random) -> None:
        with suppress(RedisError):
            for kind in ("normal", "pubsub"):
                self.cluster.redis.client.execute_command("CLIENT", "KILL", "TYPE", kind)

    async def service_ill(self, chance: random.Random) -> None:
        service = chance.choice(SERVICES)
        illness = chance.choice(ILLNESSES)
        self.say(f"{service}: {illness}")
        await self.cluster.steer(service, **illness)
        await self._pause(chance.uniform(*ILL_SECONDS))
        await self.cluster.steer(service, **HEALTH)

    async def _freeze(
        self, chance: random.Random, process: Process, seconds: tuple[float, float] = FROZEN_SECONDS
    ) -> None:
        process.send(signal.SIGSTOP)
        await self._pause(chance.uniform(*seconds))
        process.send(signal.SIGCONT)

    @asynccontextmanager
    async def _replaced(
        self, chance: random.Random, processes: list[Process], new: Callable[[], Awaitable[Process]]
    ) -> AsyncIterator[Process]:
        """One of the processes, with another in its place once the context has done away with it."""
        gone = chance.choice(processes)
        yield gone
        await self._pause(chance.uniform(*AWAY_SECONDS))
        processes[processes.index(gone)] = await new()
        self.cluster.fronts.pop(gone.pid, None)

    async def _new_worker(self) -> Process:
        return self.cluster.begin_worker()

    async def _new_gateway(self) -> Process:
        return await self.cluster.begin_gateway()


async def _ended(process: Process) -> None:
    """By SIGTERM. It has to end by itself, whatever else is broken meanwhile."""
    process.send(signal.SIGTERM)
    code = await asyncio.to_thread(process.exit_code)
    only_just_begun = code == -signal.SIGTERM and "consumes" not in process.log.read_text()
    assert code == 0 or only_just_begun, f"exit code {code}: {process.log}"
