"""One peer as a process: `python peer.py with_arq serve`, `… enqueue JOBS BYTES`, `… latency PER_SECOND JOBS`."""

import asyncio
import inspect
import json
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from typing import Any

import route
import uvloop

AT_ONCE = 50
WARM_UP = 50


class Peer:
    """What a module `with_…` offers, the same whether its client blocks or not."""

    def __init__(self, module: Any) -> None:
        self._submit = module.submit
        self._submit_and_wait = module.submit_and_wait
        self._blocks = not inspect.iscoroutinefunction(module.submit)
        self.connected = getattr(module, "connected", route.nothing)
        self._threads = ThreadPoolExecutor(AT_ONCE)

    def app(self) -> Any:
        return route.in_threads(self._submit) if self._blocks else route.asynchronous(self._submit, self.connected)

    async def submit(self, document: dict[str, Any]) -> None:
        await self._run(self._submit, document)

    async def submit_and_wait(self, document: dict[str, Any]) -> None:
        await self._run(self._submit_and_wait, document)

    async def _run(self, function: Callable[..., Any], document: dict[str, Any]) -> None:
        if self._blocks:
            await asyncio.get_running_loop().run_in_executor(self._threads, function, document)
        else:
            await function(document)


async def enqueue(peer: Peer, jobs: int, size: int) -> None:
    """Jobs whose document takes `size` bytes of JSON."""
    document = {"text": "x" * (size - len('{"text": ""}'))}
    async with peer.connected():
        for first in range(0, jobs, AT_ONCE):
            await asyncio.gather(*(peer.submit(document) for _ in range(min(AT_ONCE, jobs - first))))


async def latency(way: Callable[[], Awaitable[None]], per_second: float, jobs: int) -> list[float]:
    """Milliseconds from submitting to the result, each begun at its time whatever became of those before."""

    async def one() -> float:
        began = time.perf_counter()
        await way()
        return 1000 * (time.perf_counter() - began)

    for _ in range(WARM_UP):
        await way()
    began = time.perf_counter()
    under_way = []
    for number in range(jobs):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        under_way.append(asyncio.ensure_future(one()))
    return await asyncio.gather(*under_way)


async def latencies(peer: Peer, per_second: float, jobs: int) -> list[float]:
    async with peer.connected():
        return await latency(partial(peer.submit_and_wait, {"text": "hi"}), per_second, jobs)


def main(name: str, what: str, *numbers: str) -> None:
    peer = Peer(import_module(name))
    match what:
        case "serve":
            route.serve(peer.app())
        case "enqueue":
            uvloop.run(enqueue(peer, *map(int, numbers)))
        case "latency":
            sys.stdout.write(json.dumps(uvloop.run(latencies(peer, *map(int, numbers)))))


if __name__ == "__main__":
    main(*sys.argv[1:])
