"""What the way through gateway, broker and worker adds to a short call: `echo`, whose mock takes 5 ms.

    python loadtest/benchmarks/echo_latency.py --rate 20 --seconds 15

Two ways of waiting, open loop: POST with `Prefer: wait=10`, and POST followed by a long poll. Starts a `bff up` of its
own. The table is in ms, what the mock itself takes left out.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import quantiles

import aiohttp
from live_stack import live_stack

MOCK_SECONDS = 0.005
WARM_UP = 20

Way = Callable[[aiohttp.ClientSession, str], Awaitable[float]]


async def held_post(client: aiohttp.ClientSession, gateway: str) -> float:
    """Seconds from the POST to the result in its answer."""
    began = time.perf_counter()
    headers = {"Prefer": "wait=10"}
    async with client.post(f"{gateway}/v1/operations/echo", json={"text": "hi"}, headers=headers) as answer:
        document = await answer.json()
    seconds = time.perf_counter() - began
    assert document["result"] == {"echo": {"text": "hi"}}, document
    return seconds


async def post_and_long_poll(client: aiohttp.ClientSession, gateway: str) -> float:
    """Seconds from the POST to the result in the answer to a GET that waits for it."""
    began = time.perf_counter()
    async with client.post(f"{gateway}/v1/operations/echo", json={"text": "hi"}) as answer:
        document = await answer.json()
    async with client.get(f"{gateway}/v1/jobs/{document['id']}", headers={"Prefer": "wait=10"}) as answer:
        document = await answer.json()
    seconds = time.perf_counter() - began
    assert document["result"] == {"echo": {"text": "hi"}}, document
    return seconds


async def measure(way: Way, gateway: str, rate: float, count: int) -> list[float]:
    """What each of `count` took, sent at their times whatever became of those before."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3)) as client:
        for _ in range(WARM_UP):
            await way(client, gateway)
        began = time.perf_counter()
        under_way = []
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            under_way.append(asyncio.ensure_future(way(client, gateway)))
        return await asyncio.gather(*under_way)


async def steer_mock(mock: str) -> None:
    latency = {"latency": {"distribution": "constant", "mean_seconds": MOCK_SECONDS}}
    async with aiohttp.ClientSession() as client, client.put(f"{mock}/_control/echo", json=latency) as answer:
        answer.raise_for_status()


async def run(gateway: str, mock: str, rate: float, seconds: float) -> None:
    await steer_mock(mock)
    print(f"{'way':<20} {'p50':>8} {'p90':>8} {'p99':>8} {'max':>8}")
    for way in (held_post, post_and_long_poll):
        took = await measure(way, gateway, rate, round(rate * seconds))
        added = sorted((each - MOCK_SECONDS) * 1000 for each in took)
        cuts = quantiles(added, n=100)
        columns = " ".join(f"{value:8.1f}" for value in (cuts[49], cuts[89], cuts[98], added[-1]))
        print(f"{way.__name__:<20} {columns}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=20.0, help="requests per second")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each way")
    arguments = parser.parse_args()
    with live_stack() as stack:
        asyncio.run(run(stack.urls["gateway"], stack.urls["mock"], arguments.rate, arguments.seconds))


if __name__ == "__main__":
    main()
