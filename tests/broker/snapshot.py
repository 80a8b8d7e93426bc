"""All that a cell holds at one moment, read without its scripts, and what must hold of it at every moment."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bff.broker.job import JobStatus, pairs
from bff.catalog.model import Operation, Priority
from tests.broker.world import OPERATIONS, World

SERVICES = ("fast", "stock")
PLANS: Mapping[str, Operation] = {operation.name: operation for operation in OPERATIONS}
UNDOES = {call.compensation.name: call.name for plan in OPERATIONS for call in plan.calls if call.compensation}

Place = tuple[str, str]
"""Job and call; of a notification among the dead letters, the call is empty."""


@dataclass(frozen=True, slots=True)
class Record:
    """A job's hash."""

    fields: Mapping[str, str]
    expires: bool

    @property
    def status(self) -> JobStatus:
        return JobStatus(self.fields["status"])

    @property
    def plan(self) -> Operation:
        return PLANS[self.fields["operation"]]

    def call(self, name: str) -> str:
        return self.fields.get(f"{name}.status", "")

    def entry(self, name: str) -> str:
        """The one in flight; empty: none."""
        return self.fields.get(f"{name}.entry", "")

    def services(self) -> Iterator[tuple[str, str]]:
        """Calls and compensations, each with its service."""
        for call in self.plan.calls:
            yield call.name, call.service
            if call.compensation is not None:
                yield call.compensation.name, call.compensation.service

    def synchronous(self, call: str) -> bool:
        """Whether a gateway makes the call: it stands in no lane. Compensations are for workers."""
        return self.fields["mode"] == "sync" and call not in UNDOES

    @property
    def end(self) -> tuple[str, ...]:
        """What never changes once the job is terminal."""
        graph = (self.call(call.name) for call in self.plan.calls)
        return self.fields["status"], self.fields["finished"], self.fields.get("blame", ""), *graph


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`unread` and `held` (pending) entries of all lanes, by what they stand for; `orphans` are pending but gone.

    Synchronous calls in flight are held, too: as if each service had a lane of theirs.
    """

    jobs: Mapping[str, Record]
    unread: Counter[Place]
    held: Mapping[str, Place]
    slots: Counter[str]
    orphans: Sequence[str]
    parked: Counter[Place]
    booked: Mapping[tuple[str, Priority], int]
    in_flight: Mapping[str, int]
    deadlines: Mapping[str, int]
    outbox: Sequence[str]
    dead: Sequence[Place]

    def slots_held(self, service: str) -> int:
        """As take counts them: with those that are barred."""
        return sum(f"lane:{service}:" in entry for entry in self.held)

    def to_begin(self) -> list[tuple[str, str, str]]:
        """Synchronous calls whose turn it is: service, job, call."""
        return [
            (service, job_id, call)
            for job_id, job in self.jobs.items()
            for call, service in job.services()
            if job.synchronous(call) and job.call(call) == "queued"
        ]

    @property
    def at_rest(self) -> bool:
        return not (self.unread or self.held or self.parked or self.deadlines or self.outbox or self.dead)


async def snapshot(world: World, ids: Sequence[str], barred: set[str], clients: Sequence[str]) -> Snapshot:
    ask, keys = world.redis.execute, world.keys
    lanes = [(service, lane) for service in SERVICES for lane in keys.lanes(service)]
    (
        entries,
        pending,
        calling,
        hashes,
        requests,
        ttls,
        booked,
        in_flight,
        parked,
        deadlines,
        outbox,
        dead,
    ) = await asyncio.gather(
        asyncio.gather(*(ask("XRANGE", lane, "-", "+") for _, lane in lanes)),
        asyncio.gather(*(ask("XPENDING", lane, "workers", "-", "+", 1000) for _, lane in lanes)),
        asyncio.gather(*(ask("ZRANGE", keys.sync(service), 0, -1) for service in SERVICES)),
        asyncio.gather(*(ask("HGETALL", keys.job(job_id)) for job_id in ids)),
        asyncio.gather(*(ask("GET", keys.parameters(job_id)) for job_id in ids)),
        asyncio.gather(*(ask("PTTL", keys.job(job_id)) for job_id in ids)),
        asyncio.gather(
            *(ask("HMGET", keys.service(each), *(f"booked.{priority}" for priority in Priority)) for each in SERVICES)
        ),
        asyncio.gather(*(ask("HGET", keys.client(client), "in_flight") for client in clients)),
        ask("ZRANGE", keys.parked(), 0, -1),
        ask("ZRANGE", keys.deadlines(), 0, -1, "WITHSCORES"),
        ask("ZRANGE", keys.notify(), 0, -1),
        ask("XRANGE", keys.dead(), "-", "+"),
    )
    unread: Counter[Place] = Counter()
    held: dict[str, Place] = {}
    slots: Counter[str] = Counter()
    orphans: list[str] = []
    for (service, lane), in_lane, taken in zip(lanes, entries, pending, strict=True):
        places = {entry.decode(): _place(fields) for entry, fields in in_lane}
        for entry in (row[0].decode() for row in taken):
            if entry not in places:
                orphans.append(entry)
                continue
            held[f"{lane} {entry}"] = places.pop(entry)
            slots[service] += f"{lane} {entry}" not in barred
        unread.update(places.values())
    jobs = {
        job_id: Record(_asked_for(request) | {name: value.decode() for name, value in pairs(flat).items()}, ttl >= 0)
        for job_id, flat, request, ttl in zip(ids, hashes, requests, ttls, strict=True)
    }
    for service, members in zip(SERVICES, calling, strict=True):
        for place in (_member(member.decode()) for member in members):
            entry = held_as(world, service, jobs[place[0]].entry(place[1]))
            held[entry] = place
            slots[service] += entry not in barred
    return Snapshot(
        jobs=jobs,
        unread=unread,
        held=held,
        slots=slots,
        orphans=orphans,
        parked=Counter(_member(member.decode()) for member in parked),
        booked={
            (service, priority): int(count or 0)
            for service, counts in zip(SERVICES, booked, strict=True)
            for priority, count in zip(Priority, counts, strict=True)
        },
        in_flight={client: int(count or 0) for client, count in zip(clients, in_flight, strict=True)},
        deadlines={deadlines[i].decode(): int(deadlines[i + 1]) for i in range(0, len(deadlines), 2)},
        outbox=[member.decode() for member in outbox],
        dead=[_place(fields) for _, fields in dead],
    )


def held_as(world: World, service: str, entry: str) -> str:
    """Of a synchronous call."""
    return f"{world.keys.prefix}:lane:{service}:sync {entry}"


def _place(fields: list[Any]) -> Place:
    named = pairs(fields)
    return named["job"].decode(), named.get("call", b"").decode()


def _asked_for(request: bytes) -> dict[str, str]:
    """The line above the parameters."""
    names = ("operation", "client", "priority", "mode", "plan", "submitted", "deadline")
    return dict(zip(names, request.partition(b"\n")[0].decode().split("\0"), strict=False))


def _member(member: str) -> Place:
    job_id, _, call = member.partition(":")
    return job_id, call


def every_call_is_in_one_place(now: Snapshot) -> None:
    """Queued: in a lane or parked. Running: with the worker that its job names. Else nowhere, or left to be dropped."""
    assert not now.orphans, "acknowledged or deleted, but not both"
    holders: dict[Place, list[str]] = {}
    for entry, place in now.held.items():
        holders.setdefault(place, []).append(entry.split(" ")[1])
    for job_id, job in now.jobs.items():
        for call, _ in job.services():
            place, status = (job_id, call), job.call(call)
            waits = now.unread[place] + now.parked[place]
            holding = holders.pop(place, [])
            assert holding == ([job.entry(call)] if job.entry(call) else []), (place, status)
            if job.synchronous(call):
                assert not waits, (place, "is none of the workers'")
                assert (status == "running") <= bool(holding), (place, "runs nowhere")
                continue
            assert waits == (status == "queued") if status in ("waiting", "queued", "running") else waits <= 1, place
            assert waits + len(holding) <= 1, place
            if status == "running":
                assert holding, (place, "runs nowhere")
    assert not holders


def what_is_booked_is_what_waits(now: Snapshot) -> None:
    waiting = Counter(
        (service, Priority(job.fields["priority"]))
        for job in now.jobs.values()
        for call, service in job.services()
        if job.call(call) in ("waiting", "queued") and not job.synchronous(call)
    )
    assert now.booked == {lane: waiting[lane] for lane in now.booked}


def what_is_in_flight_and_has_a_deadline_has_not_ended(now: Snapshot) -> None:
    going = {job_id: job for job_id, job in now.jobs.items() if not job.status.terminal}
    assert now.deadlines == {job_id: int(job.fields["deadline"]) for job_id, job in going.items()}
    clients = Counter(job.fields["client"] for job in going.values())
    assert now.in_flight == {client: clients[client] for client in now.in_flight}


def a_job_ends_as_its_calls_did(now: Snapshot) -> None:
    for job_id, job in now.jobs.items():
        going = any(job.call(call.name) in ("waiting", "queued", "running") for call in job.plan.calls)
        assert going != job.status.terminal, job_id
        well = all(job.call(call.name) in ("succeeded", "fallback") for call in job.plan.calls if call.required)
        if job.status.terminal and job.status is not JobStatus.CANCELLED:
            assert well == (job.status is JobStatus.SUCCEEDED), job_id


def what_is_not_over_is_kept(now: Snapshot) -> None:
    """No key expires of a job that is not terminal, is being undone, or has a compensation among the dead letters."""
    buried = set(now.dead)
    for job_id, job in now.jobs.items():
        undoing = any(job.call(undo) in ("queued", "running") or (job_id, undo) in buried for undo in UNDOES)
        assert not (job.expires and (undoing or not job.status.terminal)), job_id


def whoever_is_to_be_told_stands_in_the_outbox(now: Snapshot) -> None:
    pending = {job_id for job_id, job in now.jobs.items() if job.fields.get("notify_state") == "pending"}
    assert set(now.outbox) == pending
    for job_id, job in now.jobs.items():
        assert ("notify_state" in job.fields) == ("notify" in job.fields and job.status.terminal), job_id
        assert not (job_id in pending and job.expires), job_id


ALWAYS = (
    every_call_is_in_one_place,
    what_is_booked_is_what_waits,
    what_is_in_flight_and_has_a_deadline_has_not_ended,
    a_job_ends_as_its_calls_did,
    what_is_not_over_is_kept,
    whoever_is_to_be_told_stands_in_the_outbox,
)
