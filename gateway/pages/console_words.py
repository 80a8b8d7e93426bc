"""What the console says of a service, a lane, and of each event in a job's timeline."""

from collections.abc import Callable, Iterator, Mapping

from bff.broker.timeline import Event, What
from gateway.admin.overview import OverviewDocument
from gateway.admin.queues import LaneDocument
from gateway.admin.services import BreakerDocument, PauseDocument
from gateway.admin.workers import WorkerDocument


def summary(overview: OverviewDocument) -> str:
    """What an operator should look at first. It is read aloud when it changes: nothing that always does is in it."""
    found = list(_findings(overview))
    return f"Look at: {'; '.join(found)}." if found else "All is well."


def _findings(overview: OverviewDocument) -> Iterator[str]:
    for service in overview["services"]:
        if service["paused"] is not None:
            yield f"{service['service']} is {paused(service['paused'], when=False)}"
        if service["breaker"]["state"] != "closed" or service["breaker"]["forced"]:
            yield f"the breaker of {service['service']} is {breaker(service['breaker'], when=False)}"
    for queue in overview["queues"]:
        turned_away = [lane["priority"] for lane in queue["lanes"] if turns_away(lane)]
        if turned_away:
            yield f"{queue['service']} turns away {', '.join(turned_away)}"
    if all(worker["draining"] for worker in overview["workers"]):
        yield "no worker is there"
    if overview["dead_letters"]:
        yield many(overview["dead_letters"], "dead letter")


def paused(pause: PauseDocument, *, when: bool = True) -> str:
    by = "by an operator" if pause["by"] == "operator" else "as it asked"
    until = f" until {clock(pause['until'])}" if pause["until"] else " until it is resumed"
    return f"paused {by}{until if when or not pause['until'] else ''}"


def breaker(shown: BreakerDocument, *, when: bool = True) -> str:
    if shown["forced"]:
        return f"forced {shown['forced']}"
    until = f", probed at {clock(shown['until'])}" if when and shown["until"] else ""
    return f"{shown['state']}{until}"


def turns_away(lane: LaneDocument) -> bool:
    return lane["shedding"] or lane["depth"] >= lane["bound"]


def waiting(lane: LaneDocument) -> str:
    return f"{lane['depth']} of {lane['bound']}"


def holds(worker: WorkerDocument) -> str:
    held = [
        f"{name}: {each['leased']} held, {each['busy']} in flight"
        for name, each in worker["services"].items()
        if each["leased"]
    ]
    return "; ".join(held) or "nothing"


def told(event: Event) -> str:
    """One event, as a sentence without its subject."""
    return _SENTENCES[event.what](event)


def seconds(milliseconds: float) -> str:
    return f"{number(milliseconds / 1000)} s"


def number(count: float) -> str:
    return f"{count:.0f}" if count >= 100 else f"{count:.3g}"


def many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def clock(instant: str) -> str:
    """Of a moment of today, as RFC 3339 has it."""
    return f"{instant[11:19]} UTC"


def _http(event: Event) -> str:
    return f", HTTP {event.http_status}" if event.http_status else ""


def _why(event: Event) -> str:
    return f", {event.error}" if event.error else ""


def _took(event: Event) -> str:
    return "" if event.milliseconds is None else f", {seconds(event.milliseconds)}"


def _waited(event: Event) -> str:
    return f", after {seconds(event.queued_ms or 0)}"


def _ended(event: Event) -> str:
    source = f" from {event.source}" if event.source in ("cache", "static") else ""
    return f"{event.status}{source}{_http(event)}{_why(event)}{_took(event)}"


def _parked(event: Event) -> str:
    return f"to be tried again in {seconds(event.delay_ms or 0)}{_http(event)}{_why(event)}{_took(event)}"


def _notified(event: Event) -> str:
    return f"that was {event.status}" + (f" in {seconds(event.delay_ms)}" if event.delay_ms else "")


_SENTENCES: Mapping[What, Callable[[Event], str]] = {
    What.SUBMITTED: lambda event: f"accepted by {event.by or 'a gateway'}",
    What.INLINE: lambda event: f"made by the gateway before that{_http(event)}{_took(event)}",
    What.QUEUED: lambda event: f"waits in lane {event.lane}" if event.lane else "waits for a slot",
    What.TAKEN: lambda event: f"taken by {event.by}, attempt {event.attempt}{_waited(event)}",
    What.BARRED: lambda event: f"taken by {event.by} for its fallback: the breaker is open{_waited(event)}",
    What.ENDED: _ended,
    What.PARKED: _parked,
    What.RECLAIMED: lambda event: "its worker was lost; the call was given back",
    What.FAILED: lambda event: "given up: its worker was lost too often",
    What.EXPIRED: lambda event: "too late",
    What.SKIPPED: lambda event: "left out",
    What.CANCELLED: lambda event: "cancelled",
    What.FALLBACK: lambda event: "answered by static data",
    What.BURIED: lambda event: f"among the dead letters{_why(event)}",
    What.REPLAYED: lambda event: "a dead letter of it was replayed",
    What.DISCARDED: lambda event: "a dead letter of it was discarded",
    What.FINISHED: lambda event: f"the job has ended: {event.status}",
    What.NOTIFYING: lambda event: f"somebody is being told of its end, attempt {event.attempt}",
    What.NOTIFICATION: _notified,
    What.FETCHED: lambda event: "its client has read how it ended",
}
