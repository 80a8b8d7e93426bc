"""A number of POSTs to the gateway, 64 at once, all accepted: `python bff_posts.py URL POSTS`."""

import asyncio
import sys

import aiohttp
import uvloop

AT_ONCE = 64
HEADERS = {"Prefer": "respond-async", "Request-Timeout": "3600"}


async def main(gateway: str, posts: int) -> None:
    numbers = iter(range(posts))

    async def one_after_the_other(client: aiohttp.ClientSession) -> None:
        for _ in numbers:
            async with client.post("/v1/operations/report", json={"month": "2026-01"}, headers=HEADERS) as answer:
                if answer.status != 202:
                    sys.exit(f"{answer.status}: {await answer.text()}")

    async with aiohttp.ClientSession(gateway) as client:
        await asyncio.gather(*(one_after_the_other(client) for _ in range(AT_ONCE)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
