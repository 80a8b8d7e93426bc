"""For a synchronous run: the operations of the stage are served synchronously while it lasts."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from loadtest.client.connections import NoAnswer
from loadtest.client.gateway import Answer, Gateway
from loadtest.run import NotDriven
from scenario.stage import Stage

FOLLOWED_SECONDS = 1.5
"""By then every gateway knows of a change."""


@asynccontextmanager
async def synchronous(gateway: Gateway, stage: Stage, headers: Mapping[str, str]) -> AsyncIterator[None]:
    """`headers` are an operator's. Raises NotDriven."""
    shares = await _asked(gateway, "GET", "", headers)
    before = {each["operation"]: each["async_percent"] for each in shares.document["rollout"]}
    try:
        for operation in stage.operations:
            await _set(gateway, operation, 0, headers)
        await asyncio.sleep(FOLLOWED_SECONDS)
        yield
    finally:
        for operation in stage.operations:
            await _set(gateway, operation, before[operation], headers)


async def _set(gateway: Gateway, operation: str, percent: float, headers: Mapping[str, str]) -> None:
    await _asked(gateway, "PUT", f"/{operation}", headers, json.dumps({"async_percent": percent}).encode())


async def _asked(gateway: Gateway, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
    sent = {**headers, "Content-Type": "application/json"}
    try:
        answer = await gateway.ask(method, f"/admin/v1/rollout{path}", sent, body)
    except NoAnswer as error:
        raise NotDriven(f"the rollout cannot be set: {error}") from None
    if answer.status != 200:
        raise NotDriven(f"the rollout cannot be set: {answer.reason} (--admin-key)")
    return answer
