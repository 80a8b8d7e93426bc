"""Invariant 4: after any run nothing is left in the broker but what is laid down at start and what expires alone."""

from collections.abc import Iterator
from typing import Any

KEPT = ("settings", "plan:", "service:", "lane:", "client:", "dead", "unclaimed")


def leftovers(redis: Any, prefix: str = "bff") -> list[str]:
    """What is still there and should not be, a line for each."""
    return list(_leftovers(redis, f"{prefix}:{{c0}}:"))


def _leftovers(redis: Any, cell: str) -> Iterator[str]:
    yield from _still_counted(redis, cell)
    for key in redis.scan_iter(f"{cell}lane:*"):
        yield from _left_in_lane(redis, key.decode())
    for name in ("parked", "deadlines", "notify"):
        if count := redis.zcard(cell + name):
            yield f"{cell}{name} holds {count}"
    for key in redis.scan_iter(f"{cell}*"):
        name = key.decode().removeprefix(cell)
        if not name.startswith(KEPT) and redis.ttl(key) == -1:
            yield f"{key.decode()} never expires"
    if channels := redis.pubsub_channels(f"{cell}changed:*"):
        yield f"somebody still waits on {channels}"


def _still_counted(redis: Any, cell: str) -> Iterator[str]:
    for key in redis.scan_iter(f"{cell}service:*"):
        booked = {name: int(value) for name, value in redis.hgetall(key).items() if name.startswith(b"booked.")}
        if any(booked.values()):
            yield f"{key.decode()} has {booked}"
    for key in redis.scan_iter(f"{cell}client:*"):
        if count := int(redis.hget(key, "in_flight") or 0):
            yield f"{key.decode()} has {count} jobs in flight"


def _left_in_lane(redis: Any, lane: str) -> Iterator[str]:
    if length := redis.xlen(lane):
        yield f"{lane} holds {length} entries"
    for group in redis.xinfo_groups(lane):
        if group["pending"]:
            yield f"{lane} has {group['pending']} entries pending"
        if group.get("lag", 0) != 0:  # Redis 7 tells it; None is what an XDEL of an unread entry leaves behind
            yield f"{lane} has a lag of {group['lag']}"
