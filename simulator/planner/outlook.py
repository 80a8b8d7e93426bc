"""What a case comes to, over replications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from statistics import fmean

from scenario.arrivals import expected_arrivals
from scenario.model import Slo
from scenario.result import End, Threshold, percentile, shares_of, thresholds
from simulator.planner.case import Case
from simulator.planner.line import Outturn, play
from simulator.student import interval_95

MOST = 5
"""Replications, of what is small."""
CONFIRMED_BY = 3
"""Replications at least, where a search may do with one."""
ENOUGH_ARRIVALS = 100_000
"""In replications together: more tell a search little."""
SAMPLED = 20_000
"""So many values are not all sorted for one percentile."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Means over replications. Shares are of what was offered; `result_p95_seconds` of what succeeded, None of nothing.

    `success_interval`: 95 % (Student), as wide as it can be where there was one replication alone. Seconds of firsts
    count from the start of the first spike, `drain_seconds` from the end of the last; None: it did not happen.
    """

    replications: int
    shares: Mapping[str, float]
    success_interval: tuple[float, float]
    result_p95_seconds: float | None
    drain_seconds: float | None
    peak_depth: float
    first_rejection_seconds: float | None
    first_expiry_seconds: float | None
    attempts_each: float

    @property
    def success_share(self) -> float:
        return self.shares[End.SUCCEEDED]

    def got(self) -> dict[str, float | None]:
        """By the names of thresholds; how long accepting takes is not known here."""
        return {
            "success_share": self.success_share,
            "accept_p99_seconds": None,
            "result_p95_seconds": self.result_p95_seconds,
            "drain_seconds": self.drain_seconds,
        }

    def held_to(self, slo: Slo) -> list[Threshold]:
        """Those that a plan can say something of."""
        known = slo.model_copy(update={"accept_p99_seconds": None})
        return thresholds(known, self.got())


@dataclass(slots=True)
class Trials:
    """Cases that were looked at, each once."""

    _known: dict[tuple[Case, int], Outlook] = field(default_factory=dict)

    def look(self, case: Case, replications: int | None = None) -> Outlook:
        """With as many replications as a search needs, or as asked for."""
        count = replications or enough(case)
        if (case, count) not in self._known:
            self._known[case, count] = outlook(case, count)
        return self._known[case, count]

    def like(self, case: Case) -> list[tuple[Case, Outlook]]:
        """What was looked at that differs from it by the slots alone."""
        known = [(variant, outlook) for (variant, _), outlook in self._known.items()]
        return [(variant, outlook) for variant, outlook in known if variant.with_slots(case.slots) == case]


def enough(case: Case) -> int:
    attempts = expected_arrivals(case.traffic) * (1 + case.clients.retries)
    return max(1, min(MOST, int(ENOUGH_ARRIVALS / attempts)))


def confirmations(case: Case) -> int:
    """Replications of what is said of a case in the end."""
    return max(CONFIRMED_BY, enough(case))


def outlook(case: Case, replications: int) -> Outlook:
    runs = [play(case, replication) for replication in range(replications)]
    first, last = _spikes(case)
    successes = [shares_of(run.ends)[End.SUCCEEDED] * (1 - case.failing_share) for run in runs]
    p95s = [p95(run.results) for run in runs if run.results]
    return Outlook(
        replications,
        _with_failures({end.value: fmean(shares_of(run.ends)[end] for run in runs) for end in End}, case.failing_share),
        _interval(successes),
        fmean(p95s) if p95s else None,
        _mean_since([run.emptied_at for run in runs], last),
        fmean(run.peak for run in runs),
        _mean_since([run.first_rejection_at for run in runs], first),
        _mean_since([run.first_expiry_at for run in runs], first),
        fmean(_attempts_each(run) for run in runs),
    )


def _with_failures(shares: dict[str, float], failing: float) -> dict[str, float]:
    """Of what would have succeeded."""
    failed = failing * shares[End.SUCCEEDED]
    return shares | {End.SUCCEEDED.value: shares[End.SUCCEEDED] - failed, End.FAILED.value: failed}


def p95(values: Sequence[float]) -> float:
    """As scenario.result has it. Of many, only those near it are sorted: a sample says which."""
    if len(values) < SAMPLED:
        return percentile(sorted(values), 0.95)
    sample = sorted(values[:: len(values) // 1_000])
    low, high = (sample[int(share * len(sample))] for share in (0.92, 0.98))
    below = sum(value < low for value in values)
    near = sorted(value for value in values if low <= value <= high)
    rank = ceil(0.95 * len(values)) - 1 - below
    return near[rank] if 0 <= rank < len(near) else percentile(sorted(values), 0.95)


def _attempts_each(run: Outturn) -> float:
    return run.attempts / max(1, sum(run.ends.values()))


def _spikes(case: Case) -> tuple[float, float]:
    """The start of the first, the end of the last; of the run, where there is none."""
    spikes = case.traffic.spike_spells()
    return (spikes[0][0], spikes[-1][1]) if spikes else (0.0, case.traffic.duration_seconds)


def _mean_since(instants: list[float], start: float) -> float | None:
    """Of those replications in which it happened."""
    happened = [at - start for at in instants if at == at]
    return fmean(happened) if happened else None


def _interval(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return 0.0, 1.0
    low, high = interval_95(values)
    return max(0.0, low), min(1.0, high)
