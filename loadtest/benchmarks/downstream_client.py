"""What one downstream call costs, by HTTP client, and how many connections each client has lost after cancellations.

    python loadtest/benchmarks/downstream_client.py --concurrency 10 100 400

A server in a process of its own answers every call after 50 ms; the CPU is that of the calling process alone.
Contestants take turns, round by round; the table shows medians.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from multiprocessing.connection import Connection
from statistics import median
from time import perf_counter, process_time
from typing import Any

import aiohttp
import httptools
import httpx
from httpx_aiohttp import AiohttpTransport

from bff.catalog.model import Request
from bff.catalog.services import Service
from bff.downstream.client import Downstream
from bff.downstream.outcome import Verdict
from bff.downstream.transport import ServiceTransport

ANSWER_SECONDS = 0.05
TIMEOUT_SECONDS = 10.0
BODY = {"cart_id": "c1", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}
ANSWER = b'{"payment_id": "' + b"7" * 200 + b'"}'
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "Idempotency-Key": "0193:charge"}
SMALL_POOL = 8

Call = Callable[[str], Awaitable[None]]
"""Performs one POST to a path, reads the answer to its end, raises if it was none."""

Open = Callable[[str, int], AbstractAsyncContextManager[Call]]
"""Opens a client of at most so many connections to a base URL."""


class Answering(asyncio.Protocol):
    """Answers `/work` after 50 ms, `/hold` never; `held` counts the calls that are being held."""

    def __init__(self, held: Any) -> None:
        self.held, self.holding, self.path = held, 0, b""
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_message_complete(self) -> None:
        if self.path == b"/hold":
            self.holding += 1
            self.held.value += 1
        else:
            asyncio.get_running_loop().call_later(ANSWER_SECONDS, self.answer)

    def answer(self) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER))

    def connection_lost(self, _error: Exception | None) -> None:
        self.held.value -= self.holding


def serve(tell_port: Connection, held: Any) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Answering(held), "127.0.0.1", 0, backlog=1024)
        tell_port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@asynccontextmanager
async def over_httpx(clients: Iterable[httpx.AsyncClient]) -> AsyncIterator[Call]:
    async with AsyncExitStack() as stack:
        in_turn = cycle([await stack.enter_async_context(client) for client in clients])

        async def call(path: str) -> None:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await next(in_turn).post(path, json=BODY, headers=HEADERS)
            response.raise_for_status()

        yield call


def httpx_client(url: str, connections: int, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(base_url=url, transport=transport, limits=limits, timeout=TIMEOUT_SECONDS, trust_env=False)


def own_pool(url: str, connections: int) -> AbstractAsyncContextManager[Call]:
    return over_httpx([httpx_client(url, connections)])


def small_pools(url: str, connections: int) -> AbstractAsyncContextManager[Call]:
    return over_httpx([httpx_client(url, SMALL_POOL) for _ in range(-(-connections // SMALL_POOL))])


def httpx_aiohttp(url: str, connections: int) -> AbstractAsyncContextManager[Call]:
    limits = httpx.Limits(max_connections=connections)
    return over_httpx([httpx_client(url, connections, AiohttpTransport(limits=limits, trust_env=False))])


def httpx_over_ours(url: str, connections: int) -> AbstractAsyncContextManager[Call]:
    return over_httpx([httpx_client(url, connections, ServiceTransport(url, connections))])


@asynccontextmanager
async def bare_aiohttp(url: str, connections: int) -> AsyncIterator[Call]:
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(base_url=url, connector=connector, headers=HEADERS) as session:

        async def call(path: str) -> None:
            async with asyncio.timeout(TIMEOUT_SECONDS), session.post(path, json=BODY) as response:
                response.raise_for_status()
                await response.read()

        yield call


@asynccontextmanager
async def downstream(url: str, connections: int) -> AsyncIterator[Call]:
    service = Service(
        name="payments",
        base_url=url,
        max_concurrency=connections,
        timeout_seconds=TIMEOUT_SECONDS,
        expected_seconds=ANSWER_SECONDS,
        capacity=1,
    )
    client = Downstream([service])

    async def call(path: str) -> None:
        request = Request("POST", path, BODY)
        outcome = await client.perform(service, request, idempotency_key="0193:charge", timeout_seconds=TIMEOUT_SECONDS)
        if outcome.verdict is not Verdict.SUCCEEDED:
            raise ConnectionError(outcome)

    try:
        yield call
    finally:
        await client.aclose()


CONTESTANTS: dict[str, Open] = {
    "httpx, own pool": own_pool,
    f"httpx, pools of {SMALL_POOL}": small_pools,
    "httpx-aiohttp": httpx_aiohttp,
    "httpx.AsyncClient over ServiceTransport": httpx_over_ours,
    "Downstream (the project's)": downstream,
    "aiohttp, bare": bare_aiohttp,
}


@dataclass(frozen=True, slots=True)
class Measured:
    calls_per_second: float
    cpu_us_per_call: float


async def measure(open_client: Open, url: str, concurrency: int, seconds: float) -> Measured:
    """A closed loop of `concurrency` callers; connections are made before the clock starts."""
    done = 0

    async def caller(until: float) -> None:
        nonlocal done
        while perf_counter() < until:
            await call("/work")
            done += 1

    async with open_client(url, concurrency) as call:
        await asyncio.gather(*(call("/work") for _ in range(concurrency)))
        gc.collect()
        started, cpu = perf_counter(), process_time()
        await asyncio.gather(*(caller(started + seconds) for _ in range(concurrency)))
        cpu, took = process_time() - cpu, perf_counter() - started
    return Measured(done / took, 1e6 * cpu / done)


async def lose(open_client: Open, url: str, concurrency: int, seconds: float, held: Any) -> int:
    """Cancel calls at random moments for so long; answers how many connections cannot be had afterwards."""
    chance = random.Random(1)

    async def caller(until: float) -> None:
        while perf_counter() < until:
            with suppress(TimeoutError, httpx.HTTPError, ConnectionError):
                async with asyncio.timeout(chance.uniform(0, 2 * ANSWER_SECONDS)):
                    await call("/work")

    async with open_client(url, concurrency) as call:
        await asyncio.gather(*(caller(perf_counter() + seconds) for _ in range(concurrency)))
        holders = [asyncio.ensure_future(call("/hold")) for _ in range(concurrency)]
        with suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_SECONDS / 2):
                while held.value < concurrency:
                    await asyncio.sleep(0.05)
        lost = concurrency - held.value
        for holder in holders:
            holder.cancel()
        await asyncio.gather(*holders, return_exceptions=True)
    while held.value:
        await asyncio.sleep(0.05)
    return int(lost)


def table(url: str, options: argparse.Namespace, held: Any) -> Iterable[str]:
    contestants = {name: CONTESTANTS[name] for name in CONTESTANTS if options.only in name}
    yield "| client | concurrency | calls/s | CPU µs per call | connections lost |"
    yield "|---|---|---|---|---|"
    for concurrency in options.concurrency:
        measured: dict[str, list[Measured]] = {name: [] for name in contestants}
        for _ in range(options.rounds):
            for name, contestant in contestants.items():
                with suppress(TimeoutError, httpx.TimeoutException):
                    measured[name].append(asyncio.run(measure(contestant, url, concurrency, options.seconds)))
        for name, contestant in contestants.items():
            lost = asyncio.run(lose(contestant, url, concurrency, options.cancel_seconds, held))
            yield f"| {name} | {concurrency} | {figures(measured[name])} | {lost} of {concurrency} |"


def figures(measured: list[Measured]) -> str:
    if not measured:
        return f"calls take over {TIMEOUT_SECONDS:.0f} s | –"
    rate = median(each.calls_per_second for each in measured)
    return f"{rate:.0f} | {median(each.cpu_us_per_call for each in measured):.0f}"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[10, 100, 400])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--cancel-seconds", type=float, default=5.0, help="of calls cancelled at random")
    parser.add_argument("--only", default="", help="contestants whose name contains this")
    return parser.parse_args(arguments)


def main() -> None:
    options = parse(sys.argv[1:])
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    held = spawn.Value("i", 0)
    server = spawn.Process(target=serve, args=(theirs, held), daemon=True)
    server.start()
    try:
        for line in table(f"http://127.0.0.1:{ours.recv()}", options, held):
            sys.stdout.write(line + os.linesep)
            sys.stdout.flush()
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
