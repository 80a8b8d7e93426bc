"""`make bench`: the gateway beside others like it, round by round in one run. Linux, with two cores and wrk.

    make bench                                      # everything
    make bench ARGS="accept drain --rounds 3"       # some parts
    make bench ARGS="accept --only bff 'bare FastAPI' --against ../before"
    nice -n -10 make bench                          # before what else runs here, where that is allowed

The contestant that is measured has core 0 for itself; those who drive it, and its Redis, share core 1. Figures are
medians of rounds; a ratio is the median of the rounds' ratios.
"""

import argparse
import json
import os
import platform
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadtest.benchmarks.bench import accept, drain, flat, latency, memory, spike
from loadtest.benchmarks.bench.asked import OURS, Answer, Asked
from loadtest.benchmarks.bench.contestants import ROOT
from loadtest.benchmarks.bench.figures import Rounds, beside
from loadtest.benchmarks.bench.pages import with_tables
from loadtest.benchmarks.bench.processes import DRIVING_CORE, NotMeasured
from loadtest.benchmarks.bench.wrk import require_wrk
from stack.redis_server import find_redis_server

PAGE = ROOT / "docs" / "performance.md"

PARTS: dict[str, Callable[[Asked, Path], Answer]] = {
    "accept": accept.answer,
    "drain": drain.answer,
    "latency": latency.answer,
    "memory": memory.answer,
    "flat": flat.answer,
    "spike": spike.answer,
}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them where none is named"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3, help="about so long for each contestant in each round")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="contestants whose name begins so")
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout of this project, to compare with")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where every round's figures go")
    given = parser.parse_args()
    if unknown := set(given.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    if given.write and (given.only or given.against):
        parser.error("--write is for whole tables of this checkout: without --only and --against")
    return given


def main() -> int:
    given = parsed()
    parts = given.parts or list(PARTS)
    _require_what_is_needed(parts)
    os.sched_setaffinity(0, {DRIVING_CORE})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started ends with it
    asked = Asked(given.rounds, given.seconds, given.only, given.against)
    found: dict[str, Rounds] = {}
    good = True
    for part in parts:
        where = f"{datetime.now(UTC):%Y-%m-%d}, {asked.rounds} rounds of about {asked.seconds} s; {_place()}."
        answer = _measured(part, asked)
        if answer is None:
            good = False
            continue
        found |= answer.rounds
        _show(answer, where)
        for rounds in answer.rounds.values() if asked.against else ():
            print("", *beside(rounds, OURS, asked.theirs), sep="\n", flush=True)
        if given.write:
            PAGE.write_text(with_tables(PAGE.read_text(), answer.tables, where))
        if given.json:  # after each part: one that fails takes none of the others with it
            given.json.write_text(json.dumps(found, indent=1))
    return 0 if good else 1


def _require_what_is_needed(parts: Sequence[str]) -> None:
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        sys.stderr.write("make bench: needs Linux and two cores\n")
        sys.exit(2)
    if "accept" in parts:
        require_wrk()


def _measured(part: str, asked: Asked) -> Answer | None:
    """None where it could not be, and why was said."""
    sys.stderr.write(f"measuring {part} ...\n")
    with tempfile.TemporaryDirectory(prefix="bff-") as directory:
        try:
            answer = PARTS[part](asked, Path(directory))
            if not any(answer.rounds.values()):
                raise NotMeasured(f"no contestant has a name that begins with {' or '.join(asked.only)}")
            return answer
        except NotMeasured as error:
            sys.stderr.write(f"make bench: {part}: {error}\n")
            return None


def _show(answer: Answer, where: str) -> None:
    for table in answer.tables:
        print("", f"### {table.title}", "", *table.lines(), "", where, sep="\n", flush=True)


def _place() -> str:
    """Where it is measured, and how busy it is there already."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    named = cpu[1] if cpu else platform.machine()
    redis = ".".join(map(str, find_redis_server().version))
    busy = os.getloadavg()[0]
    return f"{named}, Python {platform.python_version()}, Redis {redis}, load average before it {busy:.1f}"


if __name__ == "__main__":
    sys.exit(main())
