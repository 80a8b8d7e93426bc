"""A key that is good no more, on what it has opened and where nothing happens any more."""

from pathlib import Path

import httpx
import pytest

from bff.catalog import clients
from bff.catalog.clients import PUBLIC, hash_of
from gateway.push import events
from gateway.push import socket as gateway_socket
from gateway.settings import GatewaySettings
from tests.contract.sockets import socket
from tests.gateway.serving import served

pytestmark = pytest.mark.anyio

KEY = "bff_key"
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(clients, "LOOKED_AT_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(gateway_socket, "LOOK_AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    made = tmp_path / "clients.toml"
    made.write_text(f'[clients.{PUBLIC}]\nkey_hashes = ["{hash_of(KEY)}"]')
    return made


async def test_an_idle_socket_and_an_idle_stream_end_with_their_key(settings: GatewaySettings, file: Path) -> None:
    guarded = settings.model_copy(update={"auth": True, "clients_file": file})
    async with served(guarded) as gateway, httpx.AsyncClient(trust_env=False, headers=BEARER) as api:
        job, url = await gateway.job(), f"http://127.0.0.1:{gateway.port}"
        async with (
            socket(url, additional_headers=BEARER) as idle,
            api.stream("GET", f"{url}/v1/jobs/{job.id}/events") as stream,
        ):
            assert (await idle.subscribe(job.id))["type"] == "job"
            file.write_text(f"[clients.{PUBLIC}]")
            assert await idle.closed() == (4401, [])
            assert b"event: job" in await stream.aread()
        await gateway.until_nothing_is_left()
