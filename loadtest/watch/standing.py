"""How the system stands at one moment, as its own metrics tell."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

from loadtest.watch.exposition import Sample, Wanted

BY_LANE = {
    "depth": "bff_queue_depth",
    "oldest_age": "bff_queue_oldest_age_seconds",
    "predicted_wait": "bff_predicted_wait_seconds",
}
BY_SERVICE = {
    "capacity": "bff_queue_capacity",
    "slots": "bff_service_slots",
    "in_flight": "bff_slots_in_flight",
    "drain_rate": "bff_drain_rate",
}
SYNC_JOBS = "bff_sync_jobs"
WORKER_SLOTS = "bff_worker_slots"
CPU_SECONDS = "process_cpu_seconds_total"

WANTED = Wanted([*BY_LANE.values(), *BY_SERVICE.values(), SYNC_JOBS, WORKER_SLOTS, CPU_SECONDS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of the bottleneck; `at` is in seconds from the start of the run."""

    at: float
    depth: float
    """Booked places, over all priorities."""
    oldest_age: float
    """Of any priority."""
    predicted_wait: float
    """Of the priority that would wait longest."""
    capacity: float
    """Places, over all priorities."""
    slots: float
    in_flight: float
    """Entries that workers hold, and calls of synchronous jobs."""
    drain_rate: float
    busy: float
    """Calls of workers under way; nan where none tells."""
    sync_jobs: float
    """That gateways hold, of any operation."""
    cpu_seconds: Mapping[str, float]
    """That gateways and workers have used since they began, where they tell."""

    @property
    def held(self) -> float:
        """What the system has taken on and not done: waiting, or in the hands of workers or gateways.

        A synchronous job is counted once, whether or not its call is in flight.
        """
        return self.depth + max(self.in_flight, self.sync_jobs)


def standing_of(at: float, pages: Iterable[str], service: str) -> Standing | None:
    """Of these pages, gateways' and workers' alike; None where none tells of the broker."""
    told = [list(WANTED.of(page)) for page in pages]
    broker = next((page for page in told if any(sample.name == BY_LANE["depth"] for sample in page)), None)
    if broker is None:
        return None
    lanes = {field: _of(broker, name, service=service) for field, name in BY_LANE.items()}
    services = {field: sum(_of(broker, name, service=service)) for field, name in BY_SERVICE.items()}
    gateways = [page for page in told if _of(page, SYNC_JOBS)]
    workers = [page for page in told if _of(page, WORKER_SLOTS)]
    return Standing(
        at=at,
        depth=sum(lanes["depth"]),
        oldest_age=max(lanes["oldest_age"], default=0.0),
        predicted_wait=max(lanes["predicted_wait"], default=0.0),
        busy=_total(workers, WORKER_SLOTS, service=service, state="busy") if workers else nan,
        sync_jobs=_total(gateways, SYNC_JOBS),
        cpu_seconds=_cpu_seconds(gateways, workers),
        **services,
    )


def _cpu_seconds(gateways: Sequence[Sequence[Sample]], workers: Sequence[Sequence[Sample]]) -> dict[str, float]:
    used: dict[str, float] = defaultdict(float)
    for role, pages in (("gateways", gateways), ("workers", workers)):
        for seconds in (value for page in pages for value in _of(page, CPU_SECONDS)):
            used[role] += seconds
    return dict(used)


def _total(pages: Sequence[Sequence[Sample]], name: str, **labels: str) -> float:
    return sum(value for page in pages for value in _of(page, name, **labels))


def _of(page: Sequence[Sample], name: str, **labels: str) -> list[float]:
    return [
        sample.value
        for sample in page
        if sample.name == name and all(sample.labels.get(key) == value for key, value in labels.items())
    ]
