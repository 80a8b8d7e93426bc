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

from live_stack import LiveStack, live_stack, until_at_rest
from open_loop import Phase, many_connections, odd_answers, report_accepting, submit_on_time
from referee import Referee


async def run(stack: LiveStack, phase: Phase) -> bool:
    cpu, commands, began = stack.cpu_seconds(), stack.redis_commands(), time.perf_counter()
    async with many_connections() as client:
        sent = await submit_on_time(client, stack.urls["gateway"], [phase])
        after_accepting = stack.redis_commands() - commands
        megabytes = stack.resident_megabytes()
        left = await until_at_rest(stack)
        seconds = time.perf_counter() - began
        all_commands = stack.redis_commands() - commands
        used = {name: after - cpu[name] for name, after in stack.cpu_seconds().items()}
        complaints = [*await Referee(client, stack.urls["mock"]).complaints(), *odd_answers(sent)]
    ids = [each.answer.job_id for each in sent if each.accepted and each.answer.job_id]
    jobs = stack.jobs(ids)
    report_accepting([phase], sent)
    statuses = Counter(job.status for job in jobs.values())
    lost = len(ids) - sum(job.finished_ms is not None for job in jobs.values())
    print(f"ended: {dict(statuses)}, lost: {lost}, after {seconds:.1f} s")
    print("CPU seconds: " + ", ".join(f"{name} {value:.2f}" for name, value in used.items()))
    print("resident MB while accepting: " + ", ".join(f"{name} {value:.0f}" for name, value in megabytes.items()))
    print(
        f"Redis commands while accepting: {dict(after_accepting)}, {after_accepting.total() / len(sent):.1f} per submit"
    )
    print(f"Redis commands in all: {dict(all_commands)}, {all_commands.total() / max(1, len(ids)):.1f} per job")
    if lost:
        complaints.append(f"{lost} jobs were lost")
    if left:
        complaints.append(f"left behind: {left}")
    print("\n".join(complaints) or "good")
    return not complaints


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100.0, help="submits per second")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    phase = Phase("steady", given.jobs / given.rate, given.rate)
    with live_stack(f"--workers={given.workers}") as stack:
        good = asyncio.run(run(stack, phase))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
