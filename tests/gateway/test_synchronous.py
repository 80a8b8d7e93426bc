"""A gateway makes the calls of synchronous jobs: what becomes of them when the broker's answers are lost."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bff.broker.connect import Broker, connected
from bff.broker.errors import BrokerUnavailable
from bff.broker.job import JobStatus, Mode
from bff.broker.job_id import new_job_id
from bff.broker.jobs import Accepted, Submission
from bff.broker.lanes import Lanes
from bff.broker.synchronous import Begun
from bff.broker.synchronous import begin as really_begin
from bff.catalog.catalog import load_catalog
from bff.catalog.model import Operation, Priority
from gateway.metrics import Metrics
from gateway.submission import synchronous
from gateway.submission.synchronous import Synchronous
from tests.broker.servers import Server
from tests.broker.world import SERVICES, Nothing, call
from tests.workers.world import SUCCESS, Scripted

pytestmark = pytest.mark.anyio

OPERATION = Operation(
    name="chain",
    summary="chain",
    parameters=Nothing,
    example={},
    calls=(call("nice", "stock", required=False, fallback={"items": []}), call("must", after=("nice",), required=False),
           call("first")),
    timeout_seconds=dict.fromkeys(Priority, 20.0),
)  # fmt: skip


@pytest.fixture
async def broker(redis: Server, tmp_path: Path) -> AsyncIterator[Broker]:
    file = tmp_path / "services.toml"
    file.write_text(SERVICES)
    catalog = load_catalog(file, operations=[OPERATION])
    async with connected(redis.url, catalog, on_ended=lambda _: None, prefix=f"test-{uuid.uuid4().hex[:12]}") as broker:
        await broker.cell.configure()
        yield broker


async def test_a_job_goes_on_after_a_call_whose_beginning_was_never_answered(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is reclaimed, and what stands in for it counts; the next call is made as if nothing had been."""
    lost: list[str] = []

    async def begin(cell: object, job_id: str, name: str) -> Begun:
        begun = await really_begin(broker.cell, job_id, name)
        if name == "nice" and not lost:
            lost.append(job_id)
            raise BrokerUnavailable("its answer is lost")
        return begun

    monkeypatch.setattr(synchronous, "begin", begin)
    monkeypatch.setattr(synchronous, "BROKER_AGAIN_SECONDS", 0.01)
    here = Synchronous(broker.cell.catalog, broker, Scripted(SUCCESS), Metrics(broker.cell.catalog), 1)
    accepted = await broker.jobs.submit(
        Submission(
            id=new_job_id(),
            operation="chain",
            client="public",
            priority=Priority.NORMAL,
            timeout_ms=20_000,
            parameters=b"{}",
            mode=Mode.SYNC,
        )
    )
    assert isinstance(accepted, Accepted)
    here.start(accepted.job)
    reclaiming = Lanes(broker.cell, "stock", "janitor")
    while True:
        job = await broker.jobs.read(accepted.job.id)
        assert job is not None
        if job.status.terminal:
            break
        await reclaiming.reclaim()  # once the call's timeout and a second are over
    assert job.status is JobStatus.SUCCEEDED
    assert [each.status for each in job.calls] == ["fallback", "succeeded", "succeeded"]
    await here.drained(1)
    assert len(here) == 0
