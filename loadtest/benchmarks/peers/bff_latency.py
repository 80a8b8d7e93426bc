"""How many ms the gateway's clients wait: `python bff_latency.py URL held | long_poll | alone PER_SECOND JOBS`."""

import json
import sys
from functools import partial

import aiohttp
import uvloop
from peer import latency

BODY = {"text": "hi"}
WAITING = {"Prefer": "wait=10"}


async def held(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/operations/echo", json=BODY, headers=WAITING) as answer:
        document = await answer.json()
    assert document["status"] == "succeeded", document


async def long_poll(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/operations/echo", json=BODY) as answer:
        accepted = await answer.json()
    async with client.get(f"/v1/jobs/{accepted['id']}", headers=WAITING) as answer:
        document = await answer.json()
    assert document["status"] == "succeeded", document


async def alone(client: aiohttp.ClientSession) -> None:
    """The call that a job is made of, without gateway and worker."""
    async with client.post("/echo", json=BODY) as answer:
        await answer.read()


async def main(gateway: str, way: str, per_second: float, jobs: int) -> list[float]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)  # the gateway closes idle ones after 5 s
    async with aiohttp.ClientSession(gateway, connector=connector) as client:
        ways = {"held": held, "long_poll": long_poll, "alone": alone}
        return await latency(partial(ways[way], client), per_second, jobs)


if __name__ == "__main__":
    gateway, way, per_second, jobs = sys.argv[1:]
    sys.stdout.write(json.dumps(uvloop.run(main(gateway, way, float(per_second), int(jobs)))))
