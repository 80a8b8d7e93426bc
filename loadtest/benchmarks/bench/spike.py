"""Accepting while a spike meets a downstream that is dead, beside one that is well: open loop."""

import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from loadtest.benchmarks.bench.accept import serving
from loadtest.benchmarks.bench.asked import Answer, Asked
from loadtest.benchmarks.bench.contestants import OUR_PYTHON, PEERS, Gateway, answering
from loadtest.benchmarks.bench.figures import Figures, Rounds, Table, middle, percentile, ratio, short, spread
from loadtest.benchmarks.bench.processes import DRIVING_CORE, LISTENS, run, started

PER_SECOND = 300
CALL_SECONDS = 0.005
CONSUMES = re.compile("consumes")
WELL, DEAD = "well", "dead"
HEAD = ("gateway", "downstream", "p50 ms", "p99 ms", "× well, p50", "× well, p99", "accepted", "spread (p99)")


def answer(asked: Asked, under: Path) -> Answer:
    measured: dict[str, list[Figures]] = {}
    for number in range(asked.rounds):
        for gateway in asked.gateways():
            for state in (WELL, DEAD):
                directory = under / f"{number}-{gateway.name}-{state}"
                directory.mkdir()
                figures = _spike(gateway, dead=state == DEAD, seconds=3 * asked.seconds, under=directory)
                measured.setdefault(_named(gateway, state), []).append(figures)
    return Answer({"spike": measured}, [table(asked.gateways(), measured, 3 * asked.seconds)])


def _named(gateway: Gateway, state: str) -> str:
    return f"{gateway.name}, {state}"


def _spike(gateway: Gateway, *, dead: bool, seconds: int, under: Path) -> Figures:
    """On a gateway, a worker and a Redis of its own, with the services that are shipped: breakers open."""
    with (
        started(answering(CALL_SECONDS), core=DRIVING_CORE, ready=LISTENS) as downstream,
        serving(gateway, under, {"DOWNSTREAM_URL": downstream.url}) as served,
        # Elsewhere than the gateway, and after whoever measures: what is asked is not whether it has a core to itself.
        started(
            gateway.working(),
            core=DRIVING_CORE,
            nicer=10,
            ready=CONSUMES,
            environment=served.environment,
            directory=under,
        ),
    ):
        numbers = [PER_SECOND, PER_SECOND * seconds, *([downstream.pid] if dead else [])]
        try:
            spike = [str(OUR_PYTHON), str(PEERS / "bff_spike.py"), served.process.url, *map(str, numbers)]
            said = run(spike, core=DRIVING_CORE)
        finally:
            os.kill(downstream.pid, signal.SIGCONT)
    answers = json.loads(said)
    took = [ms for _, ms in answers]
    accepted = sum(status == 202 for status, _ in answers) / len(answers)
    return {"p50_ms": percentile(took, 50), "p99_ms": percentile(took, 99), "accepted": accepted}


def table(gateways: Sequence[Gateway], rounds: Rounds, seconds: int) -> Table:
    title = f"Accepting during a spike, {PER_SECOND} a second for {seconds} s, by what the downstream does"
    rows = [_row(rounds, gateway, state) for gateway in gateways for state in (WELL, DEAD)]
    return Table("spike", title, HEAD, rows)


def _row(rounds: Rounds, gateway: Gateway, state: str) -> list[str]:
    own, well = rounds[_named(gateway, state)], rounds[_named(gateway, WELL)]
    return [
        gateway.name,
        state,
        *(short(middle(own, figure)) for figure in ("p50_ms", "p99_ms")),
        *(short(ratio(own, well, figure)) for figure in ("p50_ms", "p99_ms")),
        f"{middle(own, 'accepted'):.0%}",
        f"{spread(own, 'p99_ms'):.0%}",
    ]
