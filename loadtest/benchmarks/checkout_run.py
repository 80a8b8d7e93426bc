"""A small flash sale, open loop: submit checkouts at a steady rate, wait until every one has ended, say what it took.

    python loadtest/benchmarks/checkout_run.py --jobs 2000 --rate 100

Starts a `bff up` of its own. Exits with 1 where a job was lost, a service was asked for more than it carries, a call
had its effect twice, or something was left behind.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import aiohttp
from live_stack import LiveStack, live_stack

SLOTS = {"inventory": 100, "payments": 100, "orders": 100}
SHOWN = ("calls", "max_in_flight", "effects", "max_effects_per_key")
GIVE_UP_SECONDS = 150.0


@dataclass(frozen=True, slots=True)
class Answer:
    """To one POST: `job_id` where it was accepted. `retry_after` says whether a refusal carried one."""

    status: int
    milliseconds: float
    job_id: str | None
    retry_after: bool


async def submit(client: aiohttp.ClientSession, gateway: str, number: int) -> Answer:
    body = {"cart_id": f"c{number}", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}
    began = time.perf_counter()
    async with client.post(f"{gateway}/v1/operations/checkout", json=body) as answer:
        document = await answer.json(content_type=None)
        milliseconds = (time.perf_counter() - began) * 1000
        return Answer(answer.status, milliseconds, document.get("id"), "Retry-After" in answer.headers)


async def submit_all(client: aiohttp.ClientSession, gateway: str, jobs: int, rate: float) -> list[Answer]:
    """Each at its time, whatever became of those before it."""
    began = time.perf_counter()
    under_way = []
    for number in range(jobs):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        under_way.append(asyncio.create_task(submit(client, gateway, number)))
    return await asyncio.gather(*under_way)


async def states(client: aiohttp.ClientSession, gateway: str, ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for first in range(0, len(ids), 100):
        query = [("id", job_id) for job_id in ids[first : first + 100]]
        async with client.get(f"{gateway}/v1/jobs", params=query) as answer:
            document = await answer.json()
        found |= {job["id"]: job["status"] for job in document["jobs"]}
    return found


async def until_all_ended(stack: LiveStack) -> None:
    """Return when none is open, and after GIVE_UP_SECONDS at the latest."""
    give_up_at = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up_at:
        if not stack.open_jobs():
            return
        await asyncio.sleep(0.2)


async def counters(client: aiohttp.ClientSession, mock: str) -> dict[str, Mapping[str, Any]]:
    async with client.get(f"{mock}/_control") as answer:
        services = (await answer.json())["services"]
    return {name: services[name]["counters"] for name in SLOTS}


async def run(stack: LiveStack, jobs: int, rate: float) -> bool:
    cpu, commands, began = stack.cpu_seconds(), stack.redis_commands(), time.perf_counter()
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
    async with aiohttp.ClientSession(connector=connector) as client:
        answers = await submit_all(client, stack.urls["gateway"], jobs, rate)
        accepting = time.perf_counter() - began
        after_accepting = stack.redis_commands() - commands
        megabytes = stack.resident_megabytes()
        ids = [answer.job_id for answer in answers if answer.status == 202 and answer.job_id]
        await until_all_ended(stack)
        seconds = time.perf_counter() - began
        all_commands = stack.redis_commands() - commands
        used = {name: after - cpu[name] for name, after in stack.cpu_seconds().items()}
        found = await states(client, stack.urls["gateway"], ids)
        ended = {job_id: status for job_id, status in found.items() if status not in ("queued", "running")}
        counted = await counters(client, stack.urls["mock"])
    report_answers(answers, accepting)
    print(f"ended: {dict(Counter(ended.values()))}, lost: {len(ids) - len(ended)}, after {seconds:.1f} s")
    print("CPU seconds: " + ", ".join(f"{name} {value:.2f}" for name, value in used.items()))
    print("resident MB while accepting: " + ", ".join(f"{name} {value:.0f}" for name, value in megabytes.items()))
    print(f"Redis commands while accepting: {dict(after_accepting)}, {after_accepting.total() / jobs:.1f} per submit")
    print(f"Redis commands in all: {dict(all_commands)}, {all_commands.total() / max(1, len(ids)):.1f} per job")
    complaints = list(judged(counted, len(ids) - len(ended), answers, stack))
    print("\n".join(complaints) or "good")
    return not complaints


def report_answers(answers: Sequence[Answer], seconds: float) -> None:
    cuts = quantiles([answer.milliseconds for answer in answers], n=100)
    statuses = dict(Counter(answer.status for answer in answers))
    print(f"answers: {statuses} in {seconds:.1f} s; accept latency p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms")


def judged(
    counted: Mapping[str, Mapping[str, Any]], lost: int, answers: Sequence[Answer], stack: LiveStack
) -> Iterator[str]:
    """What is wrong, if anything."""
    if lost:
        yield f"{lost} jobs were lost"
    for name, counts in counted.items():
        shown = ", ".join(
            f"{key} {counts[key]}" for key in ("calls", "max_in_flight", "effects", "max_effects_per_key")
        )
        print(f"{name}: {shown}, rejected {counts['rejected_concurrency'] + counts['rejected_rate']}")
        if counts["max_in_flight"] > SLOTS[name]:
            yield f"{name} had {counts['max_in_flight']} calls in flight; allowed: {SLOTS[name]}"
        if counts["max_effects_per_key"] > 1:
            yield f"{name} did something {counts['max_effects_per_key']} times"
    refused = [answer for answer in answers if answer.status not in (200, 202)]
    if odd := [answer.status for answer in refused if answer.status != 503 or not answer.retry_after]:
        yield f"{len(odd)} answers were neither accepted nor properly refused: {Counter(odd)}"
    if places := stack.booked_places():
        yield f"{places} waiting places are still booked"
    if held := stack.held_entries():
        yield f"{held} entries are still held"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100.0, help="submits per second")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with live_stack(f"--workers={arguments.workers}") as stack:
        good = asyncio.run(run(stack, arguments.jobs, arguments.rate))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
