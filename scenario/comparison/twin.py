"""A run predicted and driven: whether the two agree, and how much of the gap each thing explains that was fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev

from scenario.comparison.compare import Comparison, Difference, Tolerance, compare
from scenario.comparison.measures import Measure, measures
from scenario.comparison.named import Named
from scenario.comparison.observed import Observed
from scenario.model import Pattern
from scenario.result import Figures
from scenario.stage import Stage

TOLERANCE = Tolerance(shares=0.03, relative=0.10, moments=0.15, seconds=0.25, counts=3)
DEVIATIONS = 3.0
"""Of the replications: further from their mean hardly a run in 200 lies by chance."""
EXPLAINED = ("service times", "turn-around", "the way")
"""What each step after the first puts in; the way: to the queue, and between calls."""
JUDGED = ("shares.", "peak_depth", "drain_seconds", "wait_seconds.p95", "result_seconds.p95")
SYNC_JUDGED = ("shares.", "wait_seconds.p95", "result_seconds.p95")


@dataclass(frozen=True, slots=True)
class Predicted:
    """The mean of replications, and by name of a figure where a single run's may lie by chance."""

    figures: Figures
    chance: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Gap:
    """From what was predicted as stated to what was measured; `explained` by name of what was fitted."""

    measure: Measure
    whole: float
    explained: Mapping[str, float]

    @property
    def left(self) -> float:
        return self.whole - sum(self.explained.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """`steps`: predictions as stated, then with what was fitted put in step by step; the last has all of it."""

    stage: Stage
    steps: Sequence[Predicted]
    observed: Observed
    measured: Figures

    @property
    def stated(self) -> Comparison:
        return self._compared("as stated", self.steps[0])

    @property
    def fitted(self) -> Comparison:
        return self._compared("as fitted", self.steps[-1])

    @property
    def agree(self) -> bool:
        """One of the predictions does in every figure that is judged."""
        return any(not self.judged(each.beyond) for each in (self.stated, self.fitted))

    def judged(self, differences: Sequence[Difference]) -> list[Difference]:
        """By these it is decided; of every priority, where there are several. A gateway that holds synchronous requests
        tells of no queue.
        """
        names = JUDGED if self.stage.scenario.pattern is Pattern.ASYNC else SYNC_JUDGED
        return [each for each in differences if _plain(each.measure.name).startswith(names)]

    @property
    def gaps(self) -> list[Gap]:
        """Of each figure that is judged and known throughout, where there is one."""
        told = [measures(step.figures) for step in self.steps]
        found = []
        for each in self.judged(self.stated.differences):
            name, whole = each.measure.name, each.absolute
            known = [value for step in told if name in step and (value := step[name].value) is not None]
            if whole and len(known) == len(told):
                steps = (later - earlier for earlier, later in pairwise(known))
                found.append(Gap(each.measure, whole, dict(zip(EXPLAINED, steps, strict=True))))
        return found

    def _compared(self, name: str, predicted: Predicted) -> Comparison:
        ours, theirs = Named(name, predicted.figures), Named("measured", self.measured)
        return compare(ours, theirs, self.stage, TOLERANCE, predicted.chance)


def _plain(name: str) -> str:
    return name.split(".", 2)[-1] if name.startswith("by_priority.") else name


def chance(replications: Sequence[Figures]) -> dict[str, tuple[float, float]]:
    """Of each figure that at least two have."""
    found: dict[str, list[float]] = {}
    for each in replications:
        for measure in measures(each).values():
            if measure.value is not None:
                found.setdefault(measure.name, []).append(measure.value)
    return {name: _around(values) for name, values in found.items() if len(values) > 1}


def _around(values: Sequence[float]) -> tuple[float, float]:
    """The mean's own uncertainty is added to the spread of one. What is never below 0 is not by chance either."""
    mean, far = fmean(values), DEVIATIONS * stdev(values) * sqrt(1 + 1 / len(values))
    return max(mean - far, min(0.0, *values)), mean + far
