"""Judges a history, in the words of Jepsen's total-queue checker: what was accepted ends once, in time, and stays."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, fields

from tests.faults.history import Event, F, Type, acknowledged

GRACE_MS = 2000


@dataclass(frozen=True, slots=True)
class Verdict:
    """All but the last two are violations: ids, or keys where that is what was violated."""

    lost: Set[str]
    """Accepted, and never seen in a terminal state."""
    unexpected: Set[str]
    """In the broker, though nobody asked for it: no POST was accepted with that id, and none is left in doubt."""
    duplicated: Set[str]
    """Keys with two jobs, and services that did the work of one key twice."""
    changed: Set[str]
    """Two reads after the end differ, in state or in result."""
    late: Set[str]
    """Terminal later than the deadline and the grace time."""
    recovered: Set[str]
    """Keys whose POST was left in doubt, and whose repetition was accepted."""
    statuses: Mapping[str, int]
    """How many jobs ended how."""

    @property
    def violations(self) -> dict[str, list[str]]:
        named = {field.name: sorted(getattr(self, field.name)) for field in fields(self)[:5]}
        return {name: found for name, found in named.items() if found}

    def summary(self) -> str:
        counted = [f"{len(getattr(self, field.name))} {field.name}" for field in fields(self)[:6]]
        return f"{dict(self.statuses)}; {', '.join(counted)}"


def check(history: Iterable[Event], *, grace_ms: int = GRACE_MS) -> Verdict:
    """`grace_ms`: how much later than its deadline a job may be told to have ended."""
    events = list(history)
    accepted = acknowledged(events)
    ends = _ends(events)
    statuses: dict[str, int] = defaultdict(int)
    for reads in ends.values():
        statuses[reads[-1].status] += 1
    return Verdict(
        lost=accepted.keys() - ends.keys() | {event.id for event in events if event.f is F.END and _unknown(event)},
        unexpected=_unexpected(events, accepted),
        duplicated=set(_duplicated(events)),
        changed={job_id for job_id, reads in ends.items() if len({(r.status, r.result) for r in reads}) > 1},
        late={job_id for job_id, reads in ends.items() if reads[0].late_ms > grace_ms},
        recovered=_doubtful(events) & set(accepted.values()),
        statuses=statuses,
    )


def _ends(events: Iterable[Event]) -> dict[str, list[Event]]:
    ends = defaultdict(list)
    for event in events:
        if event.f is F.END and event.type is Type.OK:
            ends[event.id].append(event)
    return ends


def _unknown(event: Event) -> bool:
    return event.type is Type.FAIL


def _doubtful(events: Iterable[Event]) -> set[str]:
    return {event.key for event in events if event.f is F.SUBMIT and event.type is Type.INFO}


def _unexpected(events: Iterable[Event], accepted: Mapping[str, str]) -> set[str]:
    """Of a key that stayed in doubt to the end there may be one job that no client has heard of."""
    found = {event.id for event in events if event.f is F.FOUND} - accepted.keys()
    return found if len(found) > len(_doubtful(events) - set(accepted.values())) else set()


def _duplicated(events: Iterable[Event]) -> Iterator[str]:
    ids = defaultdict(set)
    for event in events:
        if event.f is F.SUBMIT and event.type is Type.OK:
            ids[event.key].add(event.id)
        if event.f is F.EFFECT and event.count > 1:
            yield event.key
    yield from (key for key, found in ids.items() if len(found) > 1)
