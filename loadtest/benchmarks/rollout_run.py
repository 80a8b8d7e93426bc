"""An operation moved from synchronous to asynchronous and back, under load: 0, 5, 25, 100, 0 % of its users.

    python loadtest/benchmarks/rollout_run.py --seconds 15 --per-second 40

Starts a `bff up` of its own with two gateways, sends checkouts by an open loop, for 500 subjects in turn and to either
gateway, and sets the share by `bff rollout` while they come. Says for each step what share was asynchronous, what both
modes took, and what became of all. Exits with 1 where a request failed, a subject was served in both modes a second
after the share was set, or went back while it grew, a share was off by more than chance allows, or something was left.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import aiohttp
import uvloop
from live_stack import LiveStack, live_stack, until_at_rest
from open_loop import many_connections, p50_p99
from referee import Referee

STEPS = (0.0, 5.0, 25.0, 100.0, 0.0)
SUBJECTS = 500
WITHIN_SECONDS = 1.0
"""Both gateways follow within that."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request; `at` is when it was sent, in seconds since the step was set."""

    at: float
    subject: int
    status: int
    mode: str
    ended: str
    milliseconds: float


async def ask(client: aiohttp.ClientSession, gateway: str, number: int, at: float) -> Answered:
    subject = number % SUBJECTS
    body = {"cart_id": f"c{number}", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}
    began = time.perf_counter()
    try:
        async with client.post(
            f"{gateway}/v1/operations/checkout", json=body, headers={"Request-Subject": f"user-{subject}"}
        ) as answer:
            job = await answer.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answered(at, subject, 0, "", type(error).__name__, (time.perf_counter() - began) * 1000)
    milliseconds = (time.perf_counter() - began) * 1000
    return Answered(at, subject, answer.status, job.get("mode", ""), job.get("status", job.get("type")), milliseconds)


async def step(
    client: aiohttp.ClientSession, gateways: Sequence[str], first: int, seconds: float, per_second: float
) -> list[Answered]:
    began = time.perf_counter()
    asked = []
    for each in range(round(seconds * per_second)):
        due = began + each / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        number = first + each
        asked.append(asyncio.create_task(ask(client, gateways[number % len(gateways)], number, due - began)))
    return await asyncio.gather(*asked)


def set_share(stack: LiveStack, percent: float) -> None:
    command = [sys.executable, "-m", "stack", "rollout", "set", "checkout", str(percent)]
    subprocess.run([*command, "--redis-url", stack.urls["redis"]], check=True, capture_output=True)


def report(percent: float, answers: Sequence[Answered]) -> None:
    settled = [each for each in answers if each.at > WITHIN_SECONDS]
    share = 100 * sum(each.mode == "async" for each in settled) / len(settled)
    words = Counter(f"{each.status} {each.mode} {each.ended}" for each in answers)
    took = {
        mode: "p50 {:.0f}, p99 {:.0f}".format(*p50_p99([each.milliseconds for each in settled if each.mode == mode]))
        for mode in ("sync", "async")
        if any(each.mode == mode for each in settled)
    }
    print(f"{percent:5.1f} %: measured {share:5.1f} % of {len(settled)}; answered in ms: {took}; {dict(words)}")


def complaints_of(percent: float, answers: Sequence[Answered]) -> Iterator[str]:
    failed = [each for each in answers if each.status not in (200, 202) or each.ended in ("failed", "expired")]
    if failed:
        yield f"{percent:g} %: {len(failed)} requests failed, such as {failed[0]}"
    settled = [each for each in answers if each.at > WITHIN_SECONDS]
    subjects = {each.subject: each.mode for each in settled}
    share = sum(mode == "async" for mode in subjects.values()) / len(subjects)
    expected = percent / 100
    allowed = 4 * sqrt(max(expected * (1 - expected), 0) / len(subjects))
    if abs(share - expected) > allowed:
        yield f"{percent:g} %: {share:.1%} of the subjects were asynchronous"
    if len({(each.subject, each.mode) for each in settled}) != len(subjects):
        yield f"{percent:g} %: a subject was served in both modes"


async def run(stack: LiveStack, seconds: float, per_second: float) -> list[str]:
    gateways = [url for name, url in stack.urls.items() if name.startswith("gateway")]
    complaints, moved, before, first = [], set[int](), 0.0, 0
    async with many_connections() as client:
        referee = Referee(client, stack.urls["mock"])
        await referee.payments_take_constant_time()
        for percent in STEPS:
            await asyncio.to_thread(set_share, stack, percent)
            answers = await step(client, gateways, first, seconds, per_second)
            first += len(answers)
            report(percent, answers)
            complaints += complaints_of(percent, answers)
            now = {each.subject for each in answers if each.mode == "async" and each.at > WITHIN_SECONDS}
            seen = {each.subject for each in answers if each.at > WITHIN_SECONDS}
            if percent > before and not now >= moved & seen:
                complaints.append(f"{percent:g} %: {len(moved & seen - now)} subjects went back")
            moved, before = now, percent
        left = await until_at_rest(stack)
        complaints += [*await referee.complaints()]
    return [*complaints, *([f"left behind: {left}"] if left else [])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each step")
    parser.add_argument("--per-second", type=float, default=40.0, help="below what synchronous slots bear: 62 a second")
    given = parser.parse_args()
    with live_stack("--gateways=2") as stack:
        print(f"gateways: {[name for name in stack.urls if name.startswith('gateway')]}")
        complaints = uvloop.run(run(stack, given.seconds, given.per_second))
    print("\n".join(complaints) or "good")
    sys.exit(bool(complaints))


if __name__ == "__main__":
    main()
