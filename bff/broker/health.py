"""How Redis itself is, from what it says of itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bff.broker.cell import Cell, Runs
from bff.broker.errors import BrokerUnavailable

_REPLICA = re.compile(r"slave\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`memory_max_bytes` is 0 where there is no bound. The lags are those of the replica that is furthest behind, 0
    without replicas: what it has not got yet, and for how long it has not been heard of.
    """

    primary: bool
    memory_used_bytes: int
    memory_max_bytes: int
    aof_enabled: bool
    aof_write_ok: bool
    aof_rewrite_ok: bool
    rdb_save_ok: bool
    connected_replicas: int
    replica_lag_bytes: int
    replica_lag_seconds: int
    evicted_keys: int


async def info_of(redis: Runs) -> dict[str, str]:
    """What INFO says. Raises BrokerUnavailable."""
    text = (await redis.execute("INFO")).decode(errors="replace")
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


async def takes_writes(cell: Cell) -> bool:
    """Not where it is full, or without a replica that it has to have: it still answers, and nothing can be accepted.

    What is asked changes nothing and makes no key, and is refused as every write is that takes memory.
    """
    try:
        await cell.redis.execute("SETRANGE", cell.keys.plan(""), 0, "")
    except BrokerUnavailable:
        return False
    return True


def health_of(info: Mapping[str, str]) -> Health:
    sent = int(info.get("master_repl_offset", 0))
    replicas = [_fields(value) for name, value in info.items() if _REPLICA.fullmatch(name)]
    return Health(
        primary=info.get("role") != "slave",
        memory_used_bytes=int(info.get("used_memory", 0)),
        memory_max_bytes=int(info.get("maxmemory", 0)),
        aof_enabled=info.get("aof_enabled") == "1",
        aof_write_ok=_ok(info, "aof_last_write_status"),
        aof_rewrite_ok=_ok(info, "aof_last_bgrewrite_status"),
        rdb_save_ok=_ok(info, "rdb_last_bgsave_status"),
        connected_replicas=int(info.get("connected_slaves", 0)),
        replica_lag_bytes=max((sent - int(each.get("offset", 0)) for each in replicas), default=0),
        replica_lag_seconds=max((int(each.get("lag", 0)) for each in replicas), default=0),
        evicted_keys=int(info.get("evicted_keys", 0)),
    )


def _ok(info: Mapping[str, str], field: str) -> bool:
    return info.get(field, "ok") == "ok"


def _fields(text: str) -> dict[str, str]:
    """Of a line such as `ip=10.0.0.2,port=6379,state=online,offset=42,lag=1`."""
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)
