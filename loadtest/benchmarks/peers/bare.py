"""What there is without a queue: `python bare.py asgi | fastapi | fastapi-tuned`, and `http`, a client of it."""

import asyncio
import itertools
import os
import sys
from typing import Any

import route
import tally
import uvloop
from fastapi.responses import JSONResponse

UNTOLD = {"tracing": False, "metrics": False, "logs": False}  # as in the gateway


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Parses and validates as the route does, without any framework."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    parameters = route.Checkout.model_validate_json(body)
    await JSONResponse({"id": parameters.cart_id}, 202)(scope, receive, send)


async def _accepted(document: dict[str, Any]) -> str:
    return str(document["cart_id"])


async def call() -> None:
    """As many calls as a worker would make, a hundred at once."""
    numbers = itertools.count()
    last = int(os.environ["BENCH_LAST"])

    async def one_after_the_other() -> None:
        while next(numbers) < last:
            await tally.work({"text": "hi"})

    await asyncio.gather(*(one_after_the_other() for _ in range(100)))


if __name__ == "__main__":
    match sys.argv[1]:
        case "asgi":
            route.serve(asgi)
        case "http":
            uvloop.run(call())
        case "fastapi":
            route.serve(route.asynchronous(_accepted))
        case "fastapi-tuned":
            route.serve(route.asynchronous(_accepted, telemetry=UNTOLD), tune_collector=True)
