"""Twenty seconds of `make chaos`: long enough for a dozen faults that overlap."""

from pathlib import Path

import pytest

from tests.faults.chaos import LIMITS, rage
from tests.faults.processes import RedisProcess
from tests.faults.stage import own_cluster

pytestmark = pytest.mark.anyio


async def test_twenty_seconds_of_a_monkey_break_no_promise(mock_url: str, redis: RedisProcess, tmp_path: Path) -> None:
    async with own_cluster(mock_url, redis, tmp_path, LIMITS) as cluster:
        verdict = await rage(cluster, tmp_path / "history.jsonl", seconds=20, seed=1)
    assert sum(verdict.statuses.values()) > 50
