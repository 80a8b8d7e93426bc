"""What was seen of the broker, and told to it, in the course of a history: what it says later is held against this."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from bff.broker.outbox import Turn
from bff.broker.quota import UNLIMITED, Quota
from tests.broker.snapshot import SERVICES, Place, Snapshot
from tests.broker.world import SERVICES as SERVICES_TOML
from tests.broker.world import a_catalog

# The breaker opens soon, and lets fewer in than there are slots.
_BREAKERS = "".join(
    f"[services.{name}.breaker]\nminimum_calls = 3\nwindow_seconds = 10\nopen_seconds = 2\n" for name in SERVICES
)
CATALOG = a_catalog(SERVICES_TOML.replace("max_concurrency = 3\n", "max_concurrency = 5\n") + _BREAKERS)
SLOTS = {name: CATALOG.services[name].max_concurrency for name in SERVICES}
SYNC_SLOTS = {name: CATALOG.services[name].sync_slots for name in SERVICES}
CLIENTS: Mapping[str, Quota] = {"public": UNLIMITED, "acme": Quota(requests=4, window_seconds=8, max_in_flight=3)}
MOST_LOST = 3
FIRST_TOKENS = 1000  # thousandths of a retry


@dataclass
class Past:
    ids: list[str] = field(default_factory=list)
    keyed: dict[tuple[str, str, str], str] = field(default_factory=dict)
    accepted: Counter[str] = field(default_factory=Counter)
    begun: set[Place] = field(default_factory=set)
    effects: set[Place] = field(default_factory=set)
    losses: Counter[Place] = field(default_factory=Counter)
    letters: set[Place] = field(default_factory=set)
    barred: set[str] = field(default_factory=set)
    first_attempts: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    turns: list[Turn] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    versions: dict[str, int] = field(default_factory=dict)
    ends: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self, now: Snapshot, elapsed_ms: int) -> None:
        assert sorted(now.dead) == sorted(self.letters)
        self._ends_stay_and_are_told_once(now)
        self._limits_hold(now, elapsed_ms)

    def _ends_stay_and_are_told_once(self, now: Snapshot) -> None:
        for job_id, job in now.jobs.items():
            version = int(job.fields["version"])
            assert version >= self.versions.get(job_id, 1)
            self.versions[job_id] = version
            assert self.told[job_id] == job.status.terminal
            if job.status.terminal:
                assert self.ends.setdefault(job_id, job.end) == job.end

    def _limits_hold(self, now: Snapshot, elapsed_ms: int) -> None:
        for service in SERVICES:
            assert now.slots[service] <= SLOTS[service]
            assert sum(f"lane:{service}:sync" in each for each in now.held) <= SYNC_SLOTS[service] + len(self.barred)
            earned = FIRST_TOKENS + elapsed_ms + 100 * self.first_attempts[service]
            assert 1000 * self.retries[service] <= earned
        for client, quota in CLIENTS.items():
            if quota.requests:
                assert self.accepted[client] <= quota.requests + elapsed_ms * 1000 // quota.interval_us
