"""Twenty seconds of `make chaos`: long enough for a dozen faults that overlap."""

import pytest

from tests.faults.chaos import rage
from tests.faults.cluster import Cluster

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


async def test_twenty_seconds_of_a_monkey_break_no_promise(cluster: Cluster) -> None:
    verdict = await rage(cluster, cluster.directory / "history.jsonl", seconds=20, seed=1)
    assert sum(verdict.statuses.values()) > 50
