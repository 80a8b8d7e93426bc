"""The Redis user that docs/security.md gives to gateways and workers: enough for all they do, and for nothing else."""

import re
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from tests.broker.servers import Server
from tests.contract.calls import CART, CHECKOUT, client_of
from tests.contract.stack import Up, gateway, worker

pytestmark = pytest.mark.anyio

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"
FORBIDDEN = ["FLUSHALL", "CONFIG GET *", "KEYS *", "SHUTDOWN", "ACL LIST", "GET elsewhere", "MONITOR"]


def rights() -> list[str]:
    """What stands on the page, without name and password."""
    found = re.search(r"^ACL SETUSER bff on >PASSWORD (.+)$", SECURITY.read_text(), re.MULTILINE)
    assert found
    return found[1].split()


async def test_gateway_and_worker_need_no_more_than_the_rights_on_the_page(stack: Up, own_redis: Server) -> None:
    own_redis.start()
    path = own_redis.url.removeprefix("unix://").partition("?")[0]
    async with Redis.from_url(own_redis.url) as root:
        await root.execute_command("ACL", "SETUSER", "bff", "on", ">secret", *rights())
    limited = f"unix://bff:secret@{path}"
    mock = f"--downstream-url={stack.mock_url}"
    with gateway(limited, mock) as alone, worker(limited, mock):
        async with client_of(alone.url) as api:
            assert (await api.get("/readyz")).status_code == 200
            answer = await api.post(CHECKOUT, json=CART, headers={"Prefer": "wait=20", "Idempotency-Key": "k"})
            assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
            assert "bff_queue_depth" in (await api.get("/metrics")).text
            assert (await api.post("/v1/ws-tickets")).status_code == 201
    async with Redis.from_url(limited) as user:
        for command in FORBIDDEN:
            with pytest.raises(NoPermissionError):
                await user.execute_command(*command.split())
