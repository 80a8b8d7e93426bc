"""A service of one server, and calls to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

from bff.catalog.model import Request
from bff.catalog.services import Service
from bff.downstream.client import Downstream
from bff.downstream.outcome import Outcome
from tests.downstream.server import Script, Server, serving


class Perform(Protocol):
    async def __call__(self, request: Request = ..., /, **changes: Any) -> Outcome: ...


CHARGE = Request("POST", "/charge", {"amount_cents": 1999})


def a_service(url: str, **changes: Any) -> Service:
    defaults = {"max_concurrency": 4, "timeout_seconds": 10, "expected_seconds": 0.1, "capacity": 1}
    return Service.model_validate({"name": "payments", "base_url": url, **defaults, **changes})


@asynccontextmanager
async def calling(url: str, **changes: Any) -> AsyncIterator[Perform]:
    """Performs calls to a service at that URL, which `changes` describe further."""
    service = a_service(url, **changes)
    downstream = Downstream([service])

    async def perform(request: Request = CHARGE, /, **changes: Any) -> Outcome:
        options = {"idempotency_key": "0193:charge", "timeout_seconds": 10, **changes}
        return await downstream.perform(service, request, **options)

    try:
        yield perform
    finally:
        await downstream.aclose()


@asynccontextmanager
async def a_server(script: Script, **changes: Any) -> AsyncIterator[tuple[Server, Perform]]:
    async with serving(script) as server, calling(server.url, **changes) as perform:
        yield server, perform


async def outcome_of(script: Script, request: Request = CHARGE, /, **changes: Any) -> Outcome:
    """What one call comes to, at a server that performs `script`."""
    async with a_server(script, **changes) as (_, perform):
        return await perform(request)
