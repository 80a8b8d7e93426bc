"""The flash sale, open loop: a base rate, a spike of 500 checkouts a second for a minute on payments of 100 slots,
0.8 s each, then the base rate again while what is left drains.

    python loadtest/benchmarks/spike_run.py
    python loadtest/benchmarks/spike_run.py --kill-workers --seed 7

`--kill-workers` runs four workers and kills one (SIGKILL) every 5 to 15 s, at random by the seed; `bff up` starts it
again. Starts a `bff up` of its own. Exits with 1 where a job was lost or told late, a service was asked for more than
it carries, a call had its effect twice, something was left behind; without kills also where a job failed, or over one
in twenty was accepted in vain.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from random import Random

import uvloop
from live_stack import Job, LiveStack, cores_reported, live_stack, until_at_rest
from open_loop import (
    Phase,
    Sent,
    became,
    beside,
    doomed,
    many_connections,
    odd_answers,
    p50_p99,
    report_accepting,
    submit_on_time,
)
from referee import PER_SECOND, RATES, Referee
from watching import Sample, Samples, most_in_a_second, no_samples, watch

MAX_WAIT_SECONDS = 45  # services.toml, payments
LATE_MS = 1000  # a job is told that it expired at most so long after its deadline
KILL_AFTER_SECONDS = (5.0, 15.0)


async def kill_workers(stack: LiveStack, random: Random, killed: list[int]) -> None:
    while True:
        await asyncio.sleep(random.uniform(*KILL_AFTER_SECONDS))
        if pids := stack.worker_pids():
            killed.append(random.choice(sorted(pids)))
            os.kill(killed[-1], signal.SIGKILL)


async def run(stack: LiveStack, phases: Sequence[Phase], killing: Random | None) -> bool:
    samples, killed = no_samples(), list[int]()
    async with many_connections() as client:
        referee = Referee(client, stack.urls["mock"])
        await referee.payments_take_constant_time()
        began = time.time()
        async with beside(asyncio.create_task(watch(stack.urls["redis"], samples))):
            killers = [asyncio.create_task(kill_workers(stack, killing, killed))] if killing else []
            with nullcontext() if killing else cores_reported(stack):
                async with beside(*killers):
                    sent = await submit_on_time(client, stack.urls["gateway"], phases)
            left = await until_at_rest(stack)
        jobs = stack.jobs([each.answer.job_id for each in sent if each.answer.job_id])
        report_accepting(phases, sent)
        report_shares(phases, sent, jobs)
        spike_ended = began + phases[0].seconds + phases[1].seconds
        report_booked(samples["payments"], spike_ended, phases)
        complaints = [
            *await referee.complaints(),
            *odd_answers(sent),
            *over_rate(samples),
            *unkept(sent, jobs, may_fail=bool(killing)),
        ]
    if killing:
        print(f"workers killed: {len(killed)}")
    if left:
        complaints.append(f"left behind: {left}")
    print("\n".join(complaints) or "good")
    return not complaints


def report_shares(phases: Sequence[Phase], sent: Sequence[Sent], jobs: Mapping[str, Job]) -> None:
    for phase in phases:
        counts = Counter(became(each, jobs) for each in sent if each.phase == phase.name)
        shares = [f"{word} {count} = {count / counts.total():.1%}" for word, count in counts.most_common()]
        print(f"{phase.name}: " + ", ".join(shares))
    spike = [
        jobs[job_id] for each in sent if each.phase == "spike" and (job_id := each.answer.job_id) and job_id in jobs
    ]
    served = [job.finished_ms - job.submitted_ms for job in spike if job.status == "succeeded" and job.finished_ms]
    print("spike's served took in s: p50 {:.1f}, p99 {:.1f}".format(*(ms / 1000 for ms in p50_p99(served))))
    late = lateness_ms(jobs.values())
    early = sum(ms < 0 for ms in late)
    told = "told - deadline in s: p50 {:.2f}, p99 {:.2f}".format(*(ms / 1000 for ms in p50_p99(late)))
    print(f"{len(late)} jobs expired, {early} of them told before the deadline; {told}")


def lateness_ms(jobs: Iterable[Job]) -> list[int]:
    """Of the expired ones, told less deadline."""
    return [job.finished_ms - job.deadline_ms for job in jobs if job.status == "expired" and job.finished_ms]


def report_booked(samples: Sequence[Sample], spike_ended: float, phases: Sequence[Phase]) -> None:
    """Drained is when as few places are booked as are before the spike."""
    useful = PER_SECOND * MAX_WAIT_SECONDS
    peak = max(sample.booked for sample in samples)
    print(f"payments: at most {peak} places booked; useful depth C × TTL is {useful:.0f}: {peak / useful:.2f} of it")
    usual = max(1, round(phases[0].per_second))
    drained = [sample.at for sample in samples if sample.at > spike_ended and sample.booked <= usual]
    expected = MAX_WAIT_SECONDS / (1 - phases[2].per_second / PER_SECOND)
    took = f"{drained[0] - spike_ended:.1f} s" if drained else "more than was waited for"
    print(f"drained {took} after the spike; by the fluid rule at most {expected:.1f} s")


def over_rate(samples: Samples) -> Iterator[str]:
    """What the broker let go. The mock may count more: processes that wait for a core bunch up what was spaced."""
    for name, rate in RATES.items():
        most = most_in_a_second(samples[name])
        print(f"{name}: at most {most} entries left its lanes in a second, of {rate} allowed")
        if most > rate:
            yield f"the broker let {most} calls of {name} start in a second"


def unkept(sent: Sequence[Sent], jobs: Mapping[str, Job], *, may_fail: bool) -> Iterator[str]:
    """Promises about single jobs that were broken."""
    ended = Counter(became(each, jobs) for each in sent)
    allowed = {"succeeded", "expired", *(["failed"] if may_fail else [])}
    for word, count in ended.items():
        if word not in allowed and not word.startswith("rejected"):
            yield f"{count} jobs are {word}"
    if not may_fail:
        yield from doomed("over all", ended)
    late = [ms for ms in lateness_ms(jobs.values()) if ms > LATE_MS]
    if late:
        yield f"{len(late)} jobs were told over {LATE_MS} ms after their deadline that they expired, up to {max(late)}"
    early = Counter(became(each, jobs) for each in sent if each.phase == "before")
    if early.total() > early["succeeded"] and not may_fail:
        yield f"not all requests before the spike were served: {dict(early)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=float, default=10.0, help="requests per second before and after")
    parser.add_argument("--spike", type=float, default=500.0, help="requests per second of the spike")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the spike")
    parser.add_argument("--before", type=float, default=15.0, help="seconds of base rate before the spike")
    parser.add_argument("--after", type=float, default=60.0, help="seconds of base rate after the spike")
    parser.add_argument("--kill-workers", action="store_true")
    parser.add_argument("--seed", type=int, default=1, help="of the kills")
    given = parser.parse_args()
    phases = (
        Phase("before", given.before, given.base),
        Phase("spike", given.seconds, given.spike),
        Phase("after", given.after, given.base),
    )
    with live_stack(f"--workers={4 if given.kill_workers else 1}") as stack:
        good = uvloop.run(run(stack, phases, Random(given.seed) if given.kill_workers else None))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
