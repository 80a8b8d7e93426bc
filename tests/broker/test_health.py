"""What Redis says of itself, read."""

import pytest

from bff.broker.health import health_of, info_of
from bff.broker.pipeline import Pipeline

pytestmark = pytest.mark.anyio

REPLICATED = {
    "role": "master",
    "connected_slaves": "2",
    "slave0": "ip=10.0.0.2,port=6379,state=online,offset=900,lag=1",
    "slave1": "ip=10.0.0.3,port=6379,state=wait_bgsave,offset=0,lag=7,io-thread=0",
    "slave_expires_tracked_keys": "3",
    "master_repl_offset": "1000",
}


async def test_a_redis_alone_is_a_primary_without_replicas(pipeline: Pipeline) -> None:
    health = health_of(await info_of(pipeline))
    assert health.primary
    assert health.memory_used_bytes > 100_000
    assert (health.connected_replicas, health.replica_lag_bytes, health.replica_lag_seconds) == (0, 0, 0)
    assert (health.aof_write_ok, health.aof_rewrite_ok, health.rdb_save_ok) == (True, True, True)


def test_the_replica_that_is_furthest_behind_counts() -> None:
    health = health_of(REPLICATED)
    assert (health.connected_replicas, health.replica_lag_bytes, health.replica_lag_seconds) == (2, 1000, 7)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("aof_last_write_status", "aof_write_ok"),
        ("aof_last_bgrewrite_status", "aof_rewrite_ok"),
        ("rdb_last_bgsave_status", "rdb_save_ok"),
    ],
)
def test_what_went_wrong_on_disk_is_seen(field: str, said: str) -> None:
    assert not getattr(health_of({field: "err"}), said)


def test_bounds_and_roles_are_read() -> None:
    info = {"role": "slave", "used_memory": "5", "maxmemory": "10", "aof_enabled": "1", "evicted_keys": "3"}
    health = health_of(info)
    assert (health.primary, health.memory_used_bytes, health.memory_max_bytes) == (False, 5, 10)
    assert (health.aof_enabled, health.evicted_keys) == (True, 3)
