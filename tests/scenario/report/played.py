"""Runs to report on: a queue, its slots and a TTL played through quickly, told by the tally that all runs go by."""

import json
from collections import Counter, deque
from dataclasses import dataclass
from heapq import heapreplace
from math import inf
from typing import Any

from bff.catalog.catalog import load_catalog
from scenario.arrivals import arrivals
from scenario.chance import Stream, drawing, stream
from scenario.model import Scenario
from scenario.reading import read_scenario
from scenario.result import End, Figures, Series, Source
from scenario.stage import Stage, scaled_catalog, stage_of
from scenario.tally import Requests, Run, figures, per_second

OTHER_CALLS_SECONDS = 0.1


MIXED = [
    {"operation": "checkout", "priority": "high", "share": 0.1},
    {"operation": "checkout", "priority": "normal", "share": 0.3},
    {"operation": "checkout", "priority": "low", "share": 0.6},
]


def the_stage(scale: float = 0.05, *, mix: list[dict[str, Any]] | None = None, **changed: Any) -> Stage:
    """The flash sale as the article states it, scaled; `changed` are tables of the scenario, in part."""
    catalog = scaled_catalog(load_catalog(), scale)
    document = read_scenario("flash-sale", catalog).scaled(scale).model_dump(mode="json")
    for name, value in changed.items():
        document[name] = {**document[name], **value} if isinstance(value, dict) else value
    if mix:
        document["traffic"]["mix"] = mix
    return stage_of(Scenario.model_validate_json(json.dumps(document)), catalog)


@dataclass(slots=True)
class Entry:
    at: float
    part: int
    leaves: float = inf
    """The queue: started or expired."""
    ends: float | None = None
    rejected: bool = False


def played(
    stage: Stage, source: Source = Source.SIMULATION, *, slower: float = 1.0, accepting_seconds: float = 0.0
) -> Figures:
    """First come, first served. Service times are `slower` times those stated."""
    entries = _queued(stage, slower)
    scenario = stage.scenario
    requests = Requests()
    for entry in entries:
        accept = accepting_seconds * (1 + len(requests.at) % 40 / 10)
        if entry.rejected:
            requests.add(entry.at, entry.part, End.REJECTED, accept=accept)
        elif entry.ends is None:
            requests.add(entry.at, entry.part, End.EXPIRED, accept=accept)
        else:
            result = entry.ends - entry.at + OTHER_CALLS_SECONDS + accept
            told = result + entry.at % scenario.clients.poll_seconds
            wait = entry.leaves - entry.at
            requests.add(entry.at, entry.part, End.SUCCEEDED, accept=accept, wait=wait, result=result, told=told)
    return figures(scenario, source, requests, _run(stage, entries))


def _queued(stage: Stage, slower: float) -> list[Entry]:
    scenario, bottleneck = stage.scenario, stage.bottleneck
    rng, draw = stream(scenario.seed, Stream.SERVICES), drawing(bottleneck.time)
    free = [0.0] * bottleneck.service.max_concurrency
    waiting: deque[float] = deque()
    entries = []
    for arrival in arrivals(scenario):
        entry = Entry(arrival.at, arrival.part)
        entries.append(entry)
        while waiting and waiting[0] <= entry.at:
            waiting.popleft()
        if len(waiting) >= scenario.queue.capacity:
            entry.rejected = True
            continue
        start = max(entry.at, free[0])
        entry.leaves = min(start, entry.at + scenario.queue.ttl_seconds)
        if start <= entry.leaves:
            entry.ends = start + slower * draw(rng)
            heapreplace(free, entry.ends)
        waiting.append(entry.leaves)
    return entries


def _run(stage: Stage, entries: list[Entry]) -> Run:
    traffic = stage.scenario.traffic
    seconds = int(traffic.duration_seconds + stage.scenario.queue.ttl_seconds) + 5
    accepted = [entry for entry in entries if not entry.rejected]
    rejected = [entry.at for entry in entries if entry.rejected]
    expired = [entry.leaves for entry in accepted if entry.ends is None]
    depth, oldest = _depth(accepted, seconds)
    last = max((end for _, end in traffic.spike_spells()), default=0.0)
    busy = sum(entry.ends - entry.leaves for entry in accepted if entry.ends is not None)
    return Run(
        attempts=len(entries),
        accepted=len(accepted),
        rejected_by_reason=Counter({"queue-full": len(rejected)}) if rejected else {},
        peak_depth=round(max(depth)),
        first_rejection_at=min(rejected, default=None),
        first_expiry_at=min(expired, default=None),
        emptied_at=next((float(at) for at, deep in enumerate(depth) if at >= last and not deep), None),
        utilisation=busy / stage.bottleneck.service.max_concurrency / traffic.duration_seconds,
        series=Series(
            seconds=[float(at) for at in range(seconds)],
            depth=depth,
            oldest_age=oldest,
            arrived=per_second([entry.at for entry in entries], seconds),
            accepted=per_second([entry.at for entry in accepted], seconds),
            served=per_second([entry.ends for entry in accepted if entry.ends is not None], seconds),
            expired=per_second(expired, seconds),
            rejected=per_second(rejected, seconds),
        ),
    )


def _depth(accepted: list[Entry], seconds: int) -> tuple[list[float], list[float]]:
    """At the end of each second: how many wait, and for how long the first has."""
    depth, oldest = [], []
    came = left = 0
    for end in range(1, seconds + 1):
        while came < len(accepted) and accepted[came].at < end:
            came += 1
        while left < came and accepted[left].leaves < end:
            left += 1
        depth.append(float(came - left))
        oldest.append(end - accepted[left].at if left < came else 0.0)
    return depth, oldest
