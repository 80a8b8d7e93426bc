"""What gateway and worker show to Prometheus."""

import asyncio
import re
import subprocess
from itertools import product
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from bff.catalog.catalog import load_catalog
from bff.catalog.model import Priority
from tests.contract.calls import ECHO, HI, Steer, constant, submitted
from tests.contract.exposition import Shown, shown_by
from tests.contract.stack import Up

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `((?:bff|process)_\w+)` \| (\w+) \| ([\w, ]*) \| (gateway|worker|both) \|", re.MULTILINE)
CATALOG = load_catalog()


@pytest.fixture
async def shown(stack: Up, api: httpx.AsyncClient) -> dict[str, dict[str, Shown]]:
    """By who shows it."""
    return {"gateway": await shown_by(api, stack.gateway_url), "worker": await shown_by(api, stack.worker_url)}


async def test_the_page_of_metrics_lists_each_as_it_is_and_no_other(shown: dict[str, dict[str, Shown]]) -> None:
    listed = {
        (name, type_, frozenset(filter(None, labels.split(", "))), where)
        for name, type_, labels, where in ROW.findall(PAGE.read_text())
    }
    gateway, worker = shown["gateway"], shown["worker"]
    found = set()
    for name, each in (gateway | worker).items():
        where = "both" if name in gateway and name in worker else "gateway" if name in gateway else "worker"
        found.add((name, each.type, each.labels, where))
    assert listed == found


@pytest.mark.parametrize("where", ["gateway", "worker"])
async def test_promtool_has_nothing_to_say(stack: Up, api: httpx.AsyncClient, where: str) -> None:
    url = stack.gateway_url if where == "gateway" else stack.worker_url
    page = (await api.get(f"{url}/metrics")).text
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, text=True, capture_output=True)
    assert (checked.returncode, checked.stderr) == (0, "")


async def test_every_series_is_there_before_its_first_event(shown: dict[str, dict[str, Shown]]) -> None:
    gateway, worker = shown["gateway"], shown["worker"]
    for operation, priority, mode, status in product(
        CATALOG.operations, Priority, ("async", "sync"), ("succeeded", "failed", "expired", "cancelled")
    ):
        labels = {"operation": operation, "priority": priority, "mode": mode}
        for each in (gateway, worker):
            each["bff_jobs_finished_total"].value("bff_jobs_finished_total", **labels, status=status)
        gateway["bff_jobs_submitted_total"].value("bff_jobs_submitted_total", **labels)
    for operation, priority, reason in product(CATALOG.operations, Priority, ("shedding", "draining")):
        labels = {"operation": operation, "priority": priority, "reason": reason}
        gateway["bff_jobs_rejected_total"].value("bff_jobs_rejected_total", **labels)
    for service, priority in product(CATALOG.services, Priority):
        worker["bff_queue_wait_seconds"].value("bff_queue_wait_seconds_count", service=service, priority=priority)
        gateway["bff_predicted_wait_seconds"].value("bff_predicted_wait_seconds", service=service, priority=priority)


async def test_the_longest_waits_allowed_are_bounds_of_buckets(shown: dict[str, dict[str, Shown]]) -> None:
    allowed = set(shown["gateway"]["bff_max_wait_seconds"].samples.values())
    buckets = {dict(labels).get("le") for _, labels in shown["worker"]["bff_queue_wait_seconds"].samples}
    assert len(allowed) > 3
    assert {str(each) for each in allowed} <= buckets


async def test_an_answer_that_is_held_takes_no_longer_to_accept(
    stack: Up, api: httpx.AsyncClient, steer: Steer
) -> None:
    async def accepting() -> tuple[float, float]:
        found = (await shown_by(api, stack.gateway_url))["bff_accept_seconds"]
        return tuple(found.value(f"bff_accept_seconds_{each}", operation="echo") for each in ("count", "sum"))  # type: ignore[return-value]

    count, seconds = await accepting()
    await steer("echo", latency=constant(1))
    answer = await api.post(ECHO, json=HI, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200
    refused = await api.post(ECHO, json=HI, headers={"Request-Timeout": "0.05"})
    assert refused.status_code == 503
    then_count, then_seconds = await accepting()
    assert then_count == count + 2
    assert then_seconds - seconds < 0.9


async def test_what_a_client_was_shown_counts_as_fetched(stack: Up, api: httpx.AsyncClient) -> None:
    job = await submitted(api)
    async with Redis.from_url(stack.redis_url) as redis:
        key = f"bff:{{c0}}:job:{job['id']}"
        ended = await api.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=20"})
        assert ended.json()["status"] == "succeeded"
        while not await redis.hget(key, "claimed"):
            await asyncio.sleep(0.01)


async def test_the_worker_is_alive_and_what_it_holds_is_in_flight(
    stack: Up, api: httpx.AsyncClient, steer: Steer
) -> None:
    await steer("echo", latency=constant(3))
    job = await submitted(api)
    while True:  # a reading is good for a second
        found = await shown_by(api, stack.gateway_url)
        if found["bff_slots_in_flight"].value("bff_slots_in_flight", service="echo") == 1:
            break
        await asyncio.sleep(0.1)
    assert found["bff_workers"].value("bff_workers") == 1
    assert found["bff_service_slots"].value("bff_service_slots", service="echo") == 200
    assert (await api.delete(f"/v1/jobs/{job['id']}")).status_code == 202
