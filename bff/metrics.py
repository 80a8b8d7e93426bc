"""What gateways and workers count alike: ends of jobs, calls, which build they are, what it takes of the machine."""

import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from itertools import product

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from bff.broker.job import Ended, JobStatus, Mode
from bff.catalog.catalog import Catalog
from bff.catalog.model import Priority
from bff.downstream.outcome import Outcome, Verdict
from bff.logs import say_ended

# Seconds. The shipped deadlines and bounds are among them: what came later than one of them can be counted exactly.
JOB_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 300, 600, 900)
CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)

# Every series is there from the start: when it was made says nothing.
disable_created_metrics()  # type: ignore[no-untyped-call]


class EndMetrics:
    """Ends of jobs, by the process that saw them: each job once, over all of them together."""

    def __init__(self, registry: CollectorRegistry, catalog: Catalog) -> None:
        finished = Counter(
            "bff_jobs_finished",
            "Jobs that this process saw end.",
            ["operation", "priority", "mode", "status"],
            registry=registry,
        )
        seconds = Histogram(
            "bff_job_seconds",
            "From submit to end.",
            ["operation", "mode", "status"],
            buckets=JOB_SECONDS,
            registry=registry,
        )
        # To look a series up costs more than to count: each is looked up once.
        self._finished, self._seconds = cache(finished.labels), cache(seconds.labels)
        for operation, mode, status in product(catalog.operations, Mode, filter(lambda each: each.terminal, JobStatus)):
            self._seconds(operation, mode, status)
            for priority in Priority:
                self._finished(operation, priority, mode, status)

    def ended(self, jobs: Iterable[Ended]) -> None:
        for job in jobs:
            say_ended(job)
            self._finished(job.operation, job.priority, job.mode, job.status).inc()
            self._seconds(job.operation, job.mode, job.status).observe(job.milliseconds / 1000)


class CallMetrics:
    """Attempts at calls that this process made."""

    def __init__(self, registry: CollectorRegistry, catalog: Catalog) -> None:
        calls = Counter("bff_calls", "Attempts at calls.", ["service", "outcome"], registry=registry)
        seconds = Histogram(
            "bff_call_seconds", "Time of one attempt.", ["service"], buckets=CALL_SECONDS, registry=registry
        )
        self._calls, self._seconds = cache(calls.labels), cache(seconds.labels)
        self._retries = Counter("bff_call_retries", "Calls parked for another attempt.", ["service"], registry=registry)
        for service in catalog.services:
            self._seconds(service)
            self._retries.labels(service)
            for verdict in Verdict:
                self._calls(service, verdict)

    def called(self, service: str, outcome: Outcome) -> None:
        self._calls(service, outcome.verdict).inc()
        self._seconds(service).observe(outcome.milliseconds / 1000)

    def retried(self, service: str) -> None:
        self._retries.labels(service).inc()


def say_process(registry: CollectorRegistry) -> None:
    """Which build runs, and what it takes of the machine: the latter from /proc, so on Linux alone."""
    ProcessCollector(registry=registry)
    info = Gauge("bff_build_info", "Always 1; the labels say what runs.", ["version", "python"], registry=registry)
    info.labels(version("async-bff-gateway"), platform.python_version()).set(1)
