"""A worker of this project, all of it, but that its calls are counted; without BENCH_DOWNSTREAM they succeed unmade."""

import sys
from typing import Any

import tally

from bff.downstream.client import Downstream
from bff.downstream.outcome import Outcome, Verdict
from workers.main import run
from workers.settings import WorkerSettings

MADE = Outcome(Verdict.SUCCEEDED, 0, data=b'{"text":"hi"}', http_status=200)
_perform = Downstream.perform


async def unmade(self: Downstream, *_: Any, **__: Any) -> Outcome:
    tally.TALLY.one()
    return MADE


async def counted(self: Downstream, *arguments: Any, **named: Any) -> Outcome:
    outcome = await _perform(self, *arguments, **named)
    if outcome.verdict is not Verdict.SUCCEEDED:
        sys.exit(f"a call came to {outcome}")
    tally.TALLY.one()
    return outcome


if __name__ == "__main__":
    Downstream.perform = counted if tally.DOWNSTREAM else unmade  # type: ignore[method-assign]
    run(WorkerSettings(metrics_port=0))
