"""The metrics of a worker, all on this page."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from bff.broker.job import Ended
from bff.broker.lanes import Entry
from bff.downstream.outcome import Outcome
from bff.logs import say_ended

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 45, 60, 90, 120)


class Metrics:
    """Counts what this process did."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._finished = Counter(
            "bff_jobs_finished",
            "Jobs that this process saw end.",
            ["operation", "priority", "mode", "status"],
            registry=registry,
        )
        self._job_seconds = Histogram(
            "bff_job_seconds",
            "From submit to end, seconds.",
            ["operation", "mode", "status"],
            buckets=SECONDS,
            registry=registry,
        )
        self._wait = Histogram(
            "bff_queue_wait_seconds",
            "Age of entries when they are taken.",
            ["service", "priority"],
            buckets=SECONDS,
            registry=registry,
        )
        self._calls = Counter("bff_calls", "Attempts at calls.", ["service", "outcome"], registry=registry)
        self._call_seconds = Histogram(
            "bff_call_seconds", "Time of one attempt.", ["service"], buckets=SECONDS, registry=registry
        )
        self._retries = Counter("bff_call_retries", "Calls parked for another attempt.", ["service"], registry=registry)
        self._retrievals = Counter(
            "bff_retrievals", "Answers about jobs; here, notifications delivered.", ["channel"], registry=registry
        )
        self.slots = Gauge(
            "bff_worker_slots",
            "Entries that this worker holds (leased), and calls of them in flight (busy).",
            ["service", "state"],
            registry=registry,
        )

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes from a thread of its own. OSError where the port is taken."""
        start_http_server(port, host, self.registry)

    def ended(self, jobs: Iterable[Ended]) -> None:
        for job in jobs:
            say_ended(job)
            self._finished.labels(job.operation, job.priority, job.mode, job.status).inc()
            self._job_seconds.labels(job.operation, job.mode, job.status).observe(job.milliseconds / 1000)

    def taken(self, service: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._wait.labels(service, entry.priority).observe(entry.queued_ms / 1000)

    def called(self, service: str, outcome: Outcome) -> None:
        self._calls.labels(service, outcome.verdict).inc()
        self._call_seconds.labels(service).observe(outcome.milliseconds / 1000)

    def retried(self, service: str) -> None:
        self._retries.labels(service).inc()

    def retrieved(self, channel: str) -> None:
        self._retrievals.labels(channel).inc()
