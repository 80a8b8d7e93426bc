"""Three priorities under an overload that lasts: twice what payments can do, 10 % high, 30 % normal, 60 % low, open
loop; then half of what it can do, in the same mix.

    python loadtest/benchmarks/lanes_run.py --seconds 90

Starts a `bff up` of its own. Exits with 1 where a high one was not served, low got nothing at all under overload or was
not served in full once there was room again, over one in twenty of a priority was accepted in vain, or a promise of
`spike_run.py` was broken.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import uvloop
from live_stack import Job, LiveStack, cores_reported, live_stack, until_at_rest
from open_loop import (
    Phase,
    Sent,
    became,
    doomed,
    many_connections,
    odd_answers,
    p50_p99,
    report_accepting,
    submit_on_time,
)
from referee import PER_SECOND, Referee

MIX = ("high", "low", "normal", "low", "low", "normal", "low", "low", "normal", "low")
PRIORITIES = ("high", "normal", "low")
OVERLOAD = 2.0  # × what payments can do
ROOM = 0.5
DRAINED_AFTER_SECONDS = 60.0  # of the overload's end: longer than anything may wait

Words = Mapping[tuple[str, str], "Counter[str]"]


def priority_of(number: int) -> str:
    return MIX[number % len(MIX)]


async def run(stack: LiveStack, phases: Sequence[Phase]) -> bool:
    async with many_connections() as client:
        referee = Referee(client, stack.urls["mock"])
        await referee.payments_take_constant_time()
        with cores_reported(stack):
            sent = await submit_on_time(client, stack.urls["gateway"], phases, priority_of)
        left = await until_at_rest(stack)
        jobs = await asyncio.to_thread(stack.jobs, [each.answer.job_id for each in sent if each.answer.job_id])
        report_accepting(phases, sent)
        words = what_became(phases, sent, jobs)
        report(phases, sent, jobs, words)
        complaints = [*await referee.complaints(), *odd_answers(sent), *unkept(words)]
    if left:
        complaints.append(f"left behind: {left}")
    print("\n".join(complaints) or "good")
    return not complaints


def what_became(phases: Sequence[Phase], sent: Sequence[Sent], jobs: Mapping[str, Job]) -> Words:
    words = {(phase.name, priority): Counter[str]() for phase in phases for priority in PRIORITIES}
    for each in sent:
        words[each.phase, each.priority][became(each, jobs)] += 1
    return words


def report(phases: Sequence[Phase], sent: Sequence[Sent], jobs: Mapping[str, Job], words: Words) -> None:
    for (phase, priority), counts in words.items():
        shares = ", ".join(f"{word} {count} = {count / counts.total():.1%}" for word, count in counts.most_common())
        took = "p50 {:.1f}, p99 {:.1f}".format(*p50_p99(list(served_seconds(phase, priority, sent, jobs))))
        print(f"{phase} {priority}: {shares}; the served took in s: {took}")


def served_seconds(phase: str, priority: str, sent: Sequence[Sent], jobs: Mapping[str, Job]) -> Iterator[float]:
    for each in sent:
        job = jobs.get(each.answer.job_id or "")
        if (each.phase, each.priority) == (phase, priority) and job and job.status == "succeeded" and job.finished_ms:
            yield (job.finished_ms - job.submitted_ms) / 1000


def unkept(words: Words) -> Iterator[str]:
    for (phase, priority), counts in words.items():
        missed = counts.total() - counts["succeeded"]
        if missed and (priority == "high" or phase == "room"):
            yield f"{phase}: {missed} of {counts.total()} {priority} ones were not served"
        if odd := {word for word in counts if word in ("lost", "failed", "queued", "running")}:
            yield f"{phase} {priority}: some are {odd}"
        yield from doomed(f"{phase} {priority}", counts)
    if not words["overload", "low"]["succeeded"]:
        yield "low was starved"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=90.0, help="of the overload")
    parser.add_argument("--room", type=float, default=20.0, help="seconds of the measured phase with room")
    given = parser.parse_args()
    phases = (
        Phase("overload", given.seconds, OVERLOAD * PER_SECOND),
        Phase("draining", DRAINED_AFTER_SECONDS, ROOM * PER_SECOND),
        Phase("room", given.room, ROOM * PER_SECOND),
    )
    with live_stack() as stack:
        good = uvloop.run(run(stack, phases))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
