"""How soon a webhook is told of a job's end, and how many a second: `echo`, whose mock takes 5 ms.

    python loadtest/benchmarks/telling.py --rate 20 --seconds 10
    python loadtest/benchmarks/telling.py --backlog 1000

Open loop at a rate: in ms from `finished_at` to the receiver, by one clock. With `--backlog` so many jobs end while
the receiver answers 503; then it takes them, and what one worker delivers a second is counted. Starts a `bff up` of
its own.
"""

import argparse
import asyncio
import json
import os
import secrets
import time
from base64 import b64encode
from datetime import datetime
from statistics import quantiles

import aiohttp
from aiohttp import web
from live_stack import live_stack
from redis import Redis

OUTBOX = "bff:{c0}:notify"


class Receiver:
    """Notes when it was told of which job."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}
        self.late_ms: list[float] = []
        self.status = 204

    async def take(self, request: web.Request) -> web.Response:
        now, event = time.time(), json.loads(await request.read())
        if self.status == 204:
            self.told[request.headers["webhook-id"]] = time.perf_counter()
            self.late_ms.append(1000 * (now - datetime.fromisoformat(event["timestamp"]).timestamp()))
        return web.Response(status=self.status)


async def submit(client: aiohttp.ClientSession, gateway: str, hook: str) -> None:
    headers = {"Request-Notify": hook}
    async with client.post(f"{gateway}/v1/operations/echo", json={"text": "hi"}, headers=headers) as answer:
        assert answer.status == 202, await answer.text()


async def at_a_rate(receiver: Receiver, gateway: str, hook: str, rate: float, seconds: float) -> None:
    async with aiohttp.ClientSession() as client:
        began = time.perf_counter()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
            await submit(client, gateway, hook)
    while len(receiver.told) < round(rate * seconds):
        await asyncio.sleep(0.05)
    cuts = quantiles(receiver.late_ms, n=100, method="inclusive")
    shown = f"median {cuts[49]:.0f} ms, p95 {cuts[94]:.0f}, p99 {cuts[98]:.0f}, most {max(receiver.late_ms):.0f}"
    print(f"{len(receiver.late_ms)} told: {shown}")


async def of_a_backlog(receiver: Receiver, gateway: str, hook: str, redis_url: str, jobs: int) -> None:
    receiver.status = 503
    async with aiohttp.ClientSession() as client:
        for _ in range(jobs):
            await submit(client, gateway, hook)
    with Redis.from_url(redis_url) as redis:
        while redis.zcard(OUTBOX) < jobs:
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)  # the attempts under way have failed
        receiver.status = 204
        began = time.perf_counter()
        redis.zadd(OUTBOX, dict.fromkeys(redis.zrange(OUTBOX, 0, -1), 0), xx=True)
        while len(receiver.told) < jobs:
            await asyncio.sleep(0.02)
    took = max(receiver.told.values()) - began
    print(f"{jobs} told in {took:.1f} s: {jobs / took:.0f}/s")


async def run(rate: float, seconds: float, backlog: int) -> None:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}"
    os.environ["WEBHOOK_ALLOWED"] = hook
    os.environ["PUBLIC_WEBHOOK_SECRET"] = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
    with live_stack() as stack:
        gateway = stack.urls["gateway"]
        async with aiohttp.ClientSession() as client:
            latency = {"latency": {"distribution": "constant", "mean_seconds": 0.005}}
            async with client.put(f"{stack.urls['mock']}/_control/echo", json=latency) as answer:
                assert answer.status == 200
        cpu = stack.cpu_seconds()
        await asyncio.sleep(5)
        idle = stack.cpu_seconds()
        print(f"idle worker: {(idle['worker'] - cpu['worker']) / 5 * 100:.1f} % of a core")
        if backlog:
            await of_a_backlog(receiver, gateway, hook, stack.urls["redis"], backlog)
        else:
            await at_a_rate(receiver, gateway, hook, rate, seconds)
        used = stack.cpu_seconds()
        print(f"worker CPU: {1000 * (used['worker'] - idle['worker']) / max(1, len(receiver.told)):.1f} ms for each")
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--backlog", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(run(given.rate, given.seconds, given.backlog))
