"""Every Redis key on one page. All keys of a cell carry its hash tag, so that one script may touch any of them.

`PREFIX:{c0}:` below is the cell. Nothing but these keys and two channels is ever written.
"""

from dataclasses import dataclass, field

from bff.catalog.model import Priority

GROUP = "workers"
"""The consumer group of every lane."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one cell. A cell's number stands in the ids of its jobs; `prefix` sets installations apart."""

    prefix: str = "bff"
    cell: int = 0
    _tag: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_tag", f"{self.prefix}:{{c{self.cell}}}:")

    def settings(self) -> str:
        """HASH field -> value; laid down at start, kept."""
        return f"{self._tag}settings"

    def plan(self, digest: str) -> str:
        """STRING JSON; laid down at start, kept."""
        return f"{self._tag}plan:{digest}"

    def service(self, name: str) -> str:
        """HASH configuration, booked places, pace, pause; laid down at start, kept."""
        return f"{self._tag}service:{name}"

    def job(self, job_id: str) -> str:
        """HASH, see scripts/lib/job.lua; expires `result_ttl` after the job has ended, and somebody was told so."""
        return f"{self._tag}job:{job_id}"

    def parameters(self, job_id: str) -> str:
        """STRING, see scripts/lib/job.lua: what was asked for, a line and JSON; expires with its job."""
        return f"{self._tag}parameters:{job_id}"

    def outcomes(self, job_id: str) -> str:
        """HASH call -> JSON data; expires with its job."""
        return f"{self._tag}outcomes:{job_id}"

    def timeline(self, job_id: str) -> str:
        """LIST, see timeline.py: what happened to a job, for operators; expires with its job."""
        return f"{self._tag}timeline:{job_id}"

    def idempotency(self, digest: str) -> str:
        """STRING "<job id> <fingerprint>"; expires after 24 h, or as soon as results do."""
        return f"{self._tag}idempotency:{digest}"

    def cache(self, digest: str) -> str:
        """STRING "<stored at, ms> <JSON data>"; the last good answer to a request; expires as its call says."""
        return f"{self._tag}cache:{digest}"

    def client(self, name: str) -> str:
        """HASH in_flight, next_us; of each client that ever submitted, kept."""
        return f"{self._tag}client:{name}"

    def ticket(self, digest: str) -> str:
        """STRING hash of the key that it was got with; for one WebSocket, expires after 30 s."""
        return f"{self._tag}ticket:{digest}"

    def session(self, digest: str) -> str:
        """STRING hash of the key that opened it; of a person at the pages, expires after 8 h."""
        return f"{self._tag}session:{digest}"

    def operator(self, digest: str) -> str:
        """STRING hash of an operator's key; a session at the console, expires after 8 h."""
        return f"{self._tag}operator:{digest}"

    def operator_ticket(self, digest: str) -> str:
        """STRING hash of an operator's key; to watch over one WebSocket, expires after 30 s."""
        return f"{self._tag}operator-ticket:{digest}"

    def deadlines(self) -> str:
        """ZSET job id -> deadline_ms, of every job that is not terminal."""
        return f"{self._tag}deadlines"

    def parked(self) -> str:
        """ZSET "<job id>:<call>" -> due_ms, of the retries that wait for their time."""
        return f"{self._tag}parked"

    def notify(self) -> str:
        """ZSET job id -> due_ms, of the jobs of whose end somebody is still to be told: the outbox."""
        return f"{self._tag}notify"

    def unclaimed(self) -> str:
        """HASH, see scripts/lib/results.lua: how many results nobody fetched; kept."""
        return f"{self._tag}unclaimed"

    def going(self, minute: int) -> str:
        """HASH operation -> results that go in that minute and were not fetched; expires a day later if not counted."""
        return f"{self._tag}unclaimed:{minute}"

    def workers(self) -> str:
        """ZSET worker -> when it was last heard of, ms; expires 10 s after the last one was."""
        return f"{self._tag}workers"

    def worker(self, name: str) -> str:
        """STRING "<since, ms> <draining (0 | 1)> <JSON service -> [busy, leased]>"; expires after 10 s."""
        return f"{self._tag}worker:{name}"

    def dead(self) -> str:
        """STREAM, see scripts/lib/graph.lua: what was given up and an operator has to look at; kept until then."""
        return f"{self._tag}dead"

    def lane(self, service: str, priority: Priority) -> str:
        """STREAM job call start_by, group `workers`; entries go when they are done, the stream is kept."""
        return f"{self._tag}lane:{service}:{priority}"

    def again(self, service: str) -> str:
        """STREAM like a lane, of what was begun before: retries, what dead workers left, compensations; kept."""
        return f"{self._tag}lane:{service}:again"

    def lanes(self, service: str) -> list[str]:
        """A service's lanes, high to low, and the one of what was begun before."""
        return [*(self.lane(service, priority) for priority in Priority), self.again(service)]

    def sync(self, service: str) -> str:
        """ZSET "<job id>:<call>" -> when it is over for certain, ms; synchronous calls in flight, a slot each."""
        return f"{self._tag}sync:{service}"

    def rollout(self) -> str:
        """HASH operation -> share of it that is asynchronous, in hundredths of a percent; kept."""
        return f"{self._tag}rollout"

    def changed(self, job_id: str) -> str:
        """CHANNEL the job's new version, at every change; at its end with the job, see scripts/lib/job.lua."""
        return f"{self._tag}changed:{job_id}"

    def aborted(self) -> str:
        """CHANNEL ids of jobs that ended with a call in flight."""
        return f"{self._tag}aborted"
