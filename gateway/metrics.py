"""The metrics of a gateway: what this process did; `broker_metrics` has what is the broker's."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from bff.broker.cell import Cell
from bff.broker.job import Ended, Mode
from bff.broker.jobs import Refusal, Submission
from bff.catalog.catalog import Catalog
from bff.catalog.model import Priority
from bff.downstream.outcome import Outcome
from bff.metrics import CallMetrics, EndMetrics, say_process
from gateway import problems
from gateway.broker_metrics import BrokerMetrics
from gateway.push.waiters import WAITING, Channel

ACCEPT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
REASONS = (
    *Refusal,
    problems.QUOTA_EXCEEDED.slug,
    problems.BROKER_UNAVAILABLE.slug,
    problems.DRAINING.slug,
)


class Metrics:
    def __init__(self, catalog: Catalog) -> None:
        registry = self.registry = CollectorRegistry()
        say_process(registry)
        self._ends = EndMetrics(registry, catalog)
        self._calls = CallMetrics(registry, catalog)
        self._broker = BrokerMetrics()
        registry.register(self._broker)
        by_lane = ["operation", "priority"]
        submitted = Counter("bff_jobs_submitted", "Jobs accepted.", [*by_lane, "mode"], registry=registry)
        self._rejected = Counter(
            "bff_jobs_rejected", "Submissions turned away.", [*by_lane, "reason"], registry=registry
        )
        accepting = Histogram(
            "bff_accept_seconds",
            "From a valid request until the broker has taken or refused it; inline calls left out.",
            ["operation"],
            buckets=ACCEPT_SECONDS,
            registry=registry,
        )
        self._retrievals = Counter(
            "bff_retrievals", "Answers about jobs; on workers, notifications delivered.", ["channel"], registry=registry
        )
        self._sync_jobs = Gauge("bff_sync_jobs", "Synchronous jobs under way here.", registry=registry)
        self._rollout = Gauge(
            "bff_rollout_async_ratio", "Share of an operation that is asynchronous.", ["operation"], registry=registry
        )
        self._waiters = Gauge(
            "bff_waiters", "Clients that hold a request, a stream or a socket open.", ["channel"], registry=registry
        )
        self._submitted, self._accepting = cache(submitted.labels), cache(accepting.labels)  # as in bff.metrics
        self._lay_out(catalog)

    def submitted(self, submission: Submission) -> None:
        self._submitted(submission.operation, submission.priority, submission.mode).inc()

    def rejected(self, submission: Submission, reason: str) -> None:
        self._rejected.labels(submission.operation, submission.priority, reason).inc()

    def accepting(self, operation: str, seconds: float) -> None:
        """How long it took the broker to take one, or to refuse it."""
        self._accepting(operation).observe(seconds)

    def called(self, service: str, outcome: Outcome) -> None:
        """An inline call, or one of a synchronous job."""
        self._calls.called(service, outcome)

    def retried(self, service: str) -> None:
        self._calls.retried(service)

    def synchronous(self, jobs: int) -> None:
        self._sync_jobs.set(jobs)

    def rollout(self, percentages: Mapping[str, float]) -> None:
        for operation, percent in percentages.items():
            self._rollout.labels(operation).set(percent / 100)

    def retrieved(self, channel: Channel) -> None:
        self._retrievals.labels(channel).inc()

    def waiting(self, channel: Channel, many: int) -> None:
        self._waiters.labels(channel).set(many)

    def ended(self, jobs: Iterable[Ended]) -> None:
        self._ends.ended(jobs)

    async def exposition(self, cell: Cell, accept: str) -> tuple[bytes, str]:
        """The page and its media type: Prometheus text, or OpenMetrics where it is asked for.

        The broker is given three seconds to answer. The page is written in a thread: it takes some milliseconds.
        """
        await self._broker.refresh(cell)
        return await asyncio.to_thread(self._written, accept)

    def _written(self, accept: str) -> tuple[bytes, str]:
        for wanted in (accept, ""):  # where it names a version that is none, as if it had named nothing
            with suppress(TypeError, ValueError):
                encode, media_type = choose_encoder(wanted)
                return encode(self.registry), media_type
        raise AssertionError(accept)

    def _lay_out(self, catalog: Catalog) -> None:
        """Every series is there before its first event: a rate sees that too."""
        for channel in Channel:
            self._retrievals.labels(channel)
        for channel in WAITING:
            self._waiters.labels(channel)
        for operation in catalog.operations:
            self._accepting(operation)
            for priority in Priority:
                for mode in Mode:
                    self._submitted(operation, priority, mode)
                for reason in REASONS:
                    self._rejected.labels(operation, priority, reason)
