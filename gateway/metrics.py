"""The metrics of a gateway, all on this page."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from bff.broker.cell import Cell
from bff.broker.job import Ended, Medium
from bff.broker.jobs import Submission
from bff.broker.survey import ServiceState, survey, untold
from bff.catalog.model import Priority
from bff.downstream.outcome import Outcome
from bff.logs import say_ended
from bff.policies.breaker import State

JOB_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 45, 60, 90, 120)
FRESH_SECONDS = 1.0
BREAKER_STATES = (State.CLOSED, State.HALF_OPEN, State.OPEN)


class Metrics:
    """Counts what this process did; shows the broker's state, read at the scrape and at most a second old."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._submitted = Counter(
            "bff_jobs_submitted", "Jobs accepted.", ["operation", "priority", "mode"], registry=registry
        )
        self._finished = Counter(
            "bff_jobs_finished",
            "Jobs that this process saw end.",
            ["operation", "priority", "mode", "status"],
            registry=registry,
        )
        self._rejected = Counter(
            "bff_jobs_rejected",
            "Submissions turned away.",
            ["operation", "priority", "reason"],
            registry=registry,
        )
        self._job_seconds = Histogram(
            "bff_job_seconds",
            "From submit to end, seconds.",
            ["operation", "mode", "status"],
            buckets=JOB_SECONDS,
            registry=registry,
        )
        self._calls = Counter("bff_calls", "Attempts at calls.", ["service", "outcome"], registry=registry)
        self._call_seconds = Histogram(
            "bff_call_seconds", "Time of one attempt.", ["service"], buckets=JOB_SECONDS, registry=registry
        )
        self._retries = Counter(
            "bff_call_retries", "Calls of synchronous jobs that are to be tried again.", ["service"], registry=registry
        )
        self._sync_jobs = Gauge("bff_sync_jobs", "Synchronous jobs under way here.", registry=registry)
        self._rollout = Gauge(
            "bff_rollout_async_ratio", "Share of an operation that is asynchronous.", ["operation"], registry=registry
        )
        self._retrievals = Counter("bff_retrievals", "Answers about jobs.", ["channel"], registry=registry)
        self._waiters = Gauge(
            "bff_waiters", "Clients that hold a request, a stream or a socket open.", ["channel"], registry=registry
        )
        self._broker = _BrokerState()
        registry.register(self._broker)
        self._surveyed_at = float("-inf")

    def submitted(self, submission: Submission) -> None:
        self._submitted.labels(submission.operation, submission.priority, submission.mode).inc()

    def rejected(self, submission: Submission, reason: str) -> None:
        self._rejected.labels(submission.operation, submission.priority, reason).inc()

    def called(self, service: str, outcome: Outcome) -> None:
        """An inline call, or one of a synchronous job."""
        self._calls.labels(service, outcome.verdict).inc()
        self._call_seconds.labels(service).observe(outcome.milliseconds / 1000)

    def retried(self, service: str) -> None:
        self._retries.labels(service).inc()

    def synchronous(self, jobs: int) -> None:
        self._sync_jobs.set(jobs)

    def rollout(self, percentages: Mapping[str, float]) -> None:
        for operation, percent in percentages.items():
            self._rollout.labels(operation).set(percent / 100)

    def retrieved(self, channel: str) -> None:
        self._retrievals.labels(channel).inc()

    def waiting(self, channel: str, many: int) -> None:
        self._waiters.labels(channel).set(many)

    def ended(self, jobs: Iterable[Ended]) -> None:
        for job in jobs:
            say_ended(job)
            self._finished.labels(job.operation, job.priority, job.mode, job.status).inc()
            self._job_seconds.labels(job.operation, job.mode, job.status).observe(job.milliseconds / 1000)

    async def read_broker(self, cell: Cell) -> None:
        """Refresh the gauges of the broker's state. Raises BrokerUnavailable."""
        if time.monotonic() - self._surveyed_at >= FRESH_SECONDS:
            self._broker.services = await survey(cell)
            self._broker.untold = await untold(cell)
            self._surveyed_at = time.monotonic()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The page and its media type: Prometheus text, or OpenMetrics where it is asked for."""
        for wanted in (accept, ""):  # where it names a version that is none, as if it had named nothing
            with suppress(TypeError, ValueError):
                encode, media_type = choose_encoder(wanted)
                return encode(self.registry), media_type
        raise AssertionError(accept)


class _BrokerState(Collector):
    """How all lanes stand, as last surveyed. The same on every gateway: rules take `max by`, never `sum`."""

    def __init__(self) -> None:
        self.services: dict[str, ServiceState] = {}
        self.untold: dict[Medium, int] = {}

    def collect(self) -> Iterator[Metric]:
        by_lane = ["service", "priority"]
        depth = GaugeMetricFamily("bff_queue_depth", "Booked waiting places.", labels=by_lane)
        oldest = GaugeMetricFamily("bff_queue_oldest_age_seconds", "Age of the oldest entry not done.", labels=by_lane)
        expired = CounterMetricFamily("bff_calls_expired", "Calls that came too late to start.", labels=by_lane)
        capacity = GaugeMetricFamily("bff_queue_capacity", "Waiting places in all.", labels=["service"])
        drain = GaugeMetricFamily(
            "bff_drain_rate", "Calls per second with all slots busy, as measured.", labels=["service"]
        )
        breaker = GaugeMetricFamily(
            "bff_breaker_state", "The breaker: 0 closed, 1 half-open, 2 open.", labels=["service"]
        )
        dead = GaugeMetricFamily("bff_dead_letters", "Calls and notifications that were given up.", labels=["service"])
        for medium, count in self.untold.items():
            dead.add_metric([medium], count)
        for service, state in self.services.items():
            capacity.add_metric([service], state.capacity)
            drain.add_metric([service], state.drain_rate)
            breaker.add_metric([service], BREAKER_STATES.index(state.breaker))
            dead.add_metric([service], state.dead_letters)
            for priority in Priority:
                depth.add_metric([service, priority], state.depth[priority])
                oldest.add_metric([service, priority], state.oldest_seconds[priority])
                expired.add_metric([service, priority], state.expired[priority])
        yield from (depth, capacity, oldest, expired, drain, breaker, dead)
