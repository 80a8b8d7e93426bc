"""The metrics of a worker, all on this page and in `bff.metrics`."""

from collections.abc import Iterable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from bff.broker.job import Ended, Medium
from bff.broker.lanes import Entry
from bff.catalog.catalog import Catalog
from bff.catalog.model import Priority
from bff.downstream.outcome import Outcome
from bff.metrics import CallMetrics, EndMetrics, say_process

WAIT_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600)


class Metrics:
    """Counts what this process did."""

    def __init__(self, catalog: Catalog) -> None:
        registry = self.registry = CollectorRegistry()
        say_process(registry)
        self._ends = EndMetrics(registry, catalog)
        self._calls = CallMetrics(registry, catalog)
        wait = Histogram(
            "bff_queue_wait_seconds",
            "Age of entries when they are taken.",
            ["service", "priority"],
            buckets=WAIT_SECONDS,
            registry=registry,
        )
        self._wait = cache(wait.labels)
        self._retrievals = Counter(
            "bff_retrievals", "Answers about jobs; on workers, notifications delivered.", ["channel"], registry=registry
        )
        self.slots = Gauge(
            "bff_worker_slots",
            "Entries that this worker holds (leased), and calls of them in flight (busy).",
            ["service", "state"],
            registry=registry,
        )
        self._lay_out(catalog)

    def serve(self, host: str, port: int) -> None:
        """Answer scrapes from a thread of its own. OSError where the port is taken."""
        start_http_server(port, host, self.registry)

    def ended(self, jobs: Iterable[Ended]) -> None:
        self._ends.ended(jobs)

    def taken(self, service: str, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._wait(service, entry.priority).observe(entry.queued_ms / 1000)

    def called(self, service: str, outcome: Outcome) -> None:
        self._calls.called(service, outcome)

    def retried(self, service: str) -> None:
        self._calls.retried(service)

    def retrieved(self, channel: Medium) -> None:
        self._retrievals.labels(channel).inc()

    def _lay_out(self, catalog: Catalog) -> None:
        """Every series is there before its first event: a rate sees that too."""
        for medium in Medium:
            self._retrievals.labels(medium)
        for service in catalog.services:
            for state in ("busy", "leased"):
                self.slots.labels(service, state)
            for priority in Priority:
                self._wait(service, priority)
