"""The parts of the console, as HTML. What is `data-live` is kept up to date by its script."""

from collections.abc import Iterable, Sequence
from html import escape

from bff.broker.dead_letters import DeadLetter
from bff.broker.job import Job
from bff.broker.steering import MOST_HELD_SECONDS
from bff.broker.timeline import Event
from bff.wire.document import timestamp
from gateway.admin.overview import OverviewDocument
from gateway.admin.queues import LaneDocument, QueueDocument
from gateway.admin.services import ServiceDocument
from gateway.pages import console_words as words


def lanes(queues: Iterable[QueueDocument]) -> str:
    rows = [_lane(queue["service"], lane) for queue in queues for lane in queue["lanes"]]
    heads = ["Lane", "Waiting", "Oldest", "A new one waits", "Came too late"]
    return _section("lanes", "Lanes", _table("Calls that wait, by service and priority", heads, rows))


def _lane(service: str, lane: LaneDocument) -> str:
    name = f"{service} {lane['priority']}"
    full = f'<meter min="0" max="{lane["bound"]}" value="{lane["depth"]}" aria-label="{escape(name)}, waiting"></meter>'
    away = " (turned away)" if words.turns_away(lane) else ""
    oldest, predicted = words.seconds(1000 * lane["oldest_seconds"]), lane["predicted_wait_seconds"]
    wait = "until it is resumed" if predicted is None else words.seconds(1000 * predicted)
    return _row(name, f"{words.waiting(lane)}{away} {full}", oldest, wait, str(lane["expired"]))


def services(shown: Iterable[ServiceDocument], queues: Iterable[QueueDocument]) -> str:
    begun = {queue["service"]: queue for queue in queues}
    rows = [_service(each, begun[each["service"]]) for each in shown]
    heads = ["Service", "Calls in flight", "Drains", "A call takes", "Breaker", "Pause", "Begun before", "Retries left"]
    return _section("services", "Services", _table("What each service bears, and what holds it back", heads, rows))


def _service(service: ServiceDocument, queue: QueueDocument) -> str:
    took = words.seconds(1000 * service["service_seconds"]), words.seconds(1000 * service["slow_seconds"])
    return _row(
        service["service"],
        f"{service['in_flight']} of {service['max_concurrency']}",
        f"{words.number(service['drain_rate'])} a second",
        f"{took[0]}; 95 % within {took[1]}",
        words.breaker(service["breaker"]),
        words.paused(service["paused"]) if service["paused"] else "no",
        f"{queue['again']} waiting, {queue['parked']} parked",
        words.number(service["retry_budget"]),
    )


def steer(names: Sequence[str]) -> str:
    """One form for all services: nothing that is typed into or has the focus is ever replaced."""
    return _section(
        "steer",
        "Steer a service",
        f"""<form method="post" action="/console">
<p><label for="service">Service</label> <select id="service" name="service">{_options(names)}</select></p>
<p><label for="seconds">Seconds to pause for (empty: until it is resumed)</label>
<input id="seconds" name="seconds" type="number" min="1" max="{MOST_HELD_SECONDS}" inputmode="numeric"></p>
<p class="buttons"><button name="do" value="pause">Pause</button>
<button name="do" value="resume">Resume</button>
<button name="do" value="open">Force breaker open</button>
<button name="do" value="closed">Force breaker closed</button>
<button name="do" value="auto">Leave breaker to itself</button></p>
</form>""",
        live=False,
    )


def workers(overview: OverviewDocument) -> str:
    rows = [
        _row(
            worker["worker"],
            f"{worker['since'][:10]} {words.clock(worker['since'])}",
            "draining" if worker["draining"] else "at work",
            escape(words.holds(worker)),
        )
        for worker in overview["workers"]
    ]
    table = _table("Workers that are alive", ["Worker", "Since", "State", "Slots"], rows)
    return _section("workers", "Workers", table if rows else "<p>No worker was heard of within ten seconds.</p>")


def letters(shown: Sequence[DeadLetter], total: int, names: Sequence[str]) -> str:
    rows = [_letter(letter) for letter in shown]
    table = _table("Dead letters, the oldest first", ["Letter", "What", "Why", "Attempts", "Do"], rows)
    count = f"<p>{len(shown)} of {total} shown.</p>" if total > len(shown) else ""
    listed = f"""<form method="post" action="/console">
{table}
</form>
{count}
<form method="post" action="/console">
<p><label for="of">Replay all of</label> <select id="of" name="service">{_options(names)}</select>
<button name="do" value="replay-all">Replay all</button></p>
</form>"""
    body = listed if shown else "<p>There are none.</p>"
    return _section("letters", "Dead letters", body, more=f' data-count="{total}"')


def _letter(letter: DeadLetter) -> str:
    what = " ".join(part for part in (letter.kind, letter.call, "of", letter.operation) if part)
    if not letter.operation:
        what = f"{letter.kind} in {letter.lane}"
    about = escape(f"{what}, {letter.id}")
    of = escape(letter.job_id or "")
    job = f'<br><a href="/console?job={of}#found">job {of}</a>' if of else ""
    buttons = f"""<span class="buttons">
<button name="replay" value="{letter.id}" aria-label="Replay {about}">Replay</button>
<button name="discard" value="{letter.id}" aria-label="Discard {about}">Discard</button></span>"""
    why = escape(letter.error or "no entry of ours")
    cells = [f"{escape(what)} ({escape(letter.service)}){job}", why, str(letter.attempts), buttons]
    return _row(letter.id, *cells, key=f"letter-{letter.id}")


def rollout(overview: OverviewDocument) -> str:
    rows = [_row(each["operation"], f"{each['async_percent']:g} %") for each in overview["rollout"]]
    table = _table("How much of each operation is asynchronous", ["Operation", "Asynchronous"], rows)
    return _section("rollout", "Rollout", table, then=_set_rollout([each["operation"] for each in overview["rollout"]]))


def _set_rollout(operations: Sequence[str]) -> str:
    return f"""<form method="post" action="/console">
<p><label for="operation">Operation</label> <select id="operation" name="operation">{_options(operations)}</select></p>
<p><label for="percent">Percent asynchronous</label>
<input id="percent" name="percent" type="number" min="0" max="100" step="0.01" required inputmode="decimal"></p>
<p class="buttons"><button name="do" value="rollout">Set percentage</button></p>
</form>"""


def search(job_id: str) -> str:
    return f"""<form method="get" action="/console#found" role="search">
<p><label for="job">Id of a job (X-Correlation-ID)</label>
<input id="job" name="job" value="{escape(job_id)}" required autocomplete="off" spellcheck="false"></p>
<p class="buttons"><button>Find job</button></p>
</form>"""


def nothing_found(why: str) -> str:
    return _part("found", f"<p>{escape(why)}</p>")


def job(shown: Job, events: Iterable[Event]) -> str:
    rows = [_event(event, shown.submitted_ms) for event in events]
    facts = {
        "Operation": shown.operation, "Client": shown.client, "State": shown.status, "Mode": shown.mode,
        "Priority": shown.priority, "Deadline": timestamp(shown.deadline_ms),
    }  # fmt: skip
    listed = "\n".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    table = _table("Timeline", ["After", "At (UTC)", "Call", "What happened"], rows)
    return _part("found", f"<h3>Job {escape(shown.id)}</h3>\n<dl>\n{listed}\n</dl>\n{table}")


def _event(event: Event, submitted_ms: int) -> str:
    at = timestamp(submitted_ms + event.after_ms)[11:23]
    return _row(words.seconds(event.after_ms), at, escape(event.call or ""), escape(words.told(event)))


def _part(name: str, body: str) -> str:
    return f'<div id="{name}" data-live>\n{body}\n</div>'


def _section(name: str, title: str, body: str, *, live: bool = True, more: str = "", then: str = "") -> str:
    """`then` stands behind what is live, and stays as it is."""
    return f"""<section aria-labelledby="{name}-title">
<h2 id="{name}-title" tabindex="-1">{title}</h2>
<div id="{name}"{" data-live" if live else ""}{more}>
{body}
</div>
{then}
</section>"""


def _table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """Wider than a phone, perhaps: it is scrolled by itself, by keyboard too."""
    titles = "".join(f'<th scope="col">{head}</th>' for head in heads)
    listed = "\n".join(rows)
    return f"""<div class="wide" role="region" tabindex="0" aria-label="{escape(caption)}, table"><table>
<caption>{escape(caption)}</caption>
<thead><tr>{titles}</tr></thead>
<tbody>
{listed}
</tbody>
</table></div>"""


def _row(name: str, *cells: str, key: str = "") -> str:
    """`key` tells one from the others where rows come and go."""
    known = f' id="{key}"' if key else ""
    return f'<tr{known}><th scope="row">{escape(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _options(names: Iterable[str]) -> str:
    return "".join(f"<option>{escape(name)}</option>" for name in names)
