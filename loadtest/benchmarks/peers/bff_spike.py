"""POSTs of `echo` on a timetable, whatever becomes of those before: `python bff_spike.py URL PER_SECOND POSTS [PID]`.

Prints the status and the ms of each. PID is frozen before the first: the downstream, which then is dead to all.
"""

import asyncio
import json
import os
import signal
import sys
import time

import aiohttp
import uvloop

WARM_UP = 50


async def main(gateway: str, per_second: float, posts: int, to_freeze: list[int]) -> list[tuple[int, float]]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)  # the gateway closes idle ones after 5 s
    async with aiohttp.ClientSession(gateway, connector=connector) as client:

        async def post() -> tuple[int, float]:
            began = time.perf_counter()
            async with client.post("/v1/operations/echo", json={"text": "hi"}) as answer:
                await answer.read()
            return answer.status, 1000 * (time.perf_counter() - began)

        for _ in range(WARM_UP):
            await post()
        for pid in to_freeze:  # once all is warm
            os.kill(pid, signal.SIGSTOP)
        began = time.perf_counter()
        under_way = []
        for number in range(posts):
            await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            under_way.append(asyncio.ensure_future(post()))
        return await asyncio.gather(*under_way)


if __name__ == "__main__":
    url, rate, count, *pids = sys.argv[1:]
    sys.stdout.write(json.dumps(uvloop.run(main(url, float(rate), int(count), [int(pid) for pid in pids]))))
