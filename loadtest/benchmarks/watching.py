"""How the services stand in the broker, seen many times a second while something runs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis
from referee import SLOTS

EVERY_SECONDS = 0.025
PRIORITIES = ("high", "normal", "low")
FIELDS = [f"{word}.{priority}" for word in ("booked", "left") for priority in PRIORITIES]


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one service: Unix seconds by Redis' clock, places that are booked, entries that ever left its lanes."""

    at: float
    booked: int
    left: int


Samples = Mapping[str, list[Sample]]


def no_samples() -> Samples:
    return {name: [] for name in SLOTS}


async def watch(redis_url: str, samples: Samples) -> None:
    """Adds to `samples` until cancelled. Time and counts of a sample are of one moment."""
    async with Redis.from_url(redis_url) as redis:
        while True:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.time()
                for name in samples:
                    pipeline.hmget(f"bff:{{c0}}:service:{name}", FIELDS)
                (seconds, micros), *rows = await pipeline.execute()
            for name, row in zip(samples, rows, strict=True):
                counts = [int(value or 0) for value in row]
                samples[name].append(Sample(seconds + micros / 1e6, sum(counts[:3]), sum(counts[3:])))
            await asyncio.sleep(EVERY_SECONDS)


def most_in_a_second(samples: Sequence[Sample]) -> int:
    """Entries that left a service's lanes in the fullest second that begins and ends with a sample.

    What was taken to be called, and what was too late and let go of: no less than what was allowed to start.
    """
    most = first = 0
    for sample in samples:
        while sample.at - samples[first].at > 1:
            first += 1
        most = max(most, sample.left - samples[first].left)
    return most
