"""Another services file, from one start to the next."""

import asyncio
from pathlib import Path

import pytest

from bff.catalog.services import SHIPPED_SERVICES
from tests.contract.calls import client_of, submitted
from tests.contract.stack import Up, gateway

pytestmark = pytest.mark.anyio


def services_file(directory: Path, capacity: int, timeout_seconds: float) -> Path:
    """The shipped one, with an echo of its own."""
    shipped = SHIPPED_SERVICES.read_text()
    path = directory / f"{capacity}.toml"
    changed = shipped.replace("capacity = 20_000", f"capacity = {capacity}", 1)
    changed = changed.replace("max_wait_seconds = 45", "max_wait_seconds = 120", 1)  # two gateways start meanwhile
    path.write_text(changed.replace("timeout_seconds = 2.0", f"timeout_seconds = {timeout_seconds}", 1))
    assert path.read_text() != shipped
    return path


async def test_it_holds_from_the_next_start_on_and_older_jobs_stay_readable(stack: Up, tmp_path: Path) -> None:
    before, after = services_file(tmp_path, 30, 2.0), services_file(tmp_path, 70, 5.0)
    prefix = "--key-prefix=changed"
    with gateway(stack.redis_url, f"--services={before}", prefix) as first:
        async with client_of(first.url) as api:
            old = await submitted(api, request_timeout="120")
            assert '\nbff_queue_capacity{service="echo"} 30.0\n' in (await api.get("/metrics")).text
    with gateway(stack.redis_url, f"--services={after}", prefix) as second:
        async with client_of(second.url) as api:
            while '\nbff_queue_capacity{service="echo"} 70.0\n' not in (await api.get("/metrics")).text:
                await asyncio.sleep(0.02)
            new = await submitted(api, request_timeout="120")
            found = (await api.get("/v1/jobs", params={"id": [old["id"], new["id"]]})).json()["jobs"]
            assert [job["status"] for job in found] == ["queued", "queued"]
            for job in found:
                assert (await api.delete(job["links"]["self"])).status_code == 200
