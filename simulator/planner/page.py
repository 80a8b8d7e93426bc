"""A plan as one page of text: the verdict, what to set, what each threshold needs; then the rest."""

from collections.abc import Iterable, Iterator, Sequence

from scenario.text.summary import duration, percent
from simulator.planner.absorbed import Absorbed
from simulator.planner.check import Check
from simulator.planner.metastable import Metastability
from simulator.planner.needs import Need
from simulator.planner.outlook import Outlook
from simulator.planner.plan import Plan
from simulator.planner.polling import Polling
from simulator.planner.pool import Pool
from simulator.planner.sensitivity import Change
from simulator.planner.triggers import Trigger

WIDTH = 106


def page(plan: Plan) -> str:
    sections = (
        [f"{plan.scenario}: {line}" if not number else line for number, line in enumerate(_wrapped(plan.verdict))],
        _setting(plan),
        _needs(plan.needs, plan.binding),
        _course(plan.pool, plan.as_it_stands),
        _trigger(plan.trigger),
        _absorbs(plan.absorbs, plan.pool),
        _changes(plan),
        _waiting(plan.polling),
        _metastable(plan.metastability),
        [f"Next: {each}" for each in plan.next],
        ["Assumed:", *(line for each in plan.assumptions for line in _wrapped(each, "  "))],
    )
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section))) + "\n"


def _setting(plan: Plan) -> Iterator[str]:
    setting, pool = plan.setting, plan.pool
    yield "What to set" + ("" if setting.met else " (it does not meet everything: see below)")
    yield from _fact("slots", f"{setting.slots:,}{_was(setting.slots, pool.slots)}: {setting.slots_why}")
    if setting.rate_per_second:
        was = _was(setting.rate_per_second, pool.rate_per_second)
        yield from _fact("rate", f"{setting.rate_per_second:,.4g}/s{was}")
    yield from _fact("capacity", f"{setting.places:,} places. {setting.places_why}")
    yield from _fact("TTL", f"{setting.ttl_seconds:.4g} s: {setting.ttl_why}")
    memory = setting.memory
    kept = f"{_bytes(memory.queued)} for a full queue, {_bytes(memory.results)} for an hour of results at the baseline"
    yield from _fact("memory", f"{kept}; maxmemory {_bytes(memory.maxmemory)}")
    yield from _fact("then", _outlook(setting.outlook))
    if setting.check is not None:
        yield from _fact("", _check(setting.check))


def _outlook(outlook: Outlook) -> str:
    low, high = outlook.success_interval
    sure = f" ({percent(low)} to {percent(high)})" if low < high else ""
    drained = "" if outlook.drain_seconds is None else f", drained in {duration(outlook.drain_seconds)}"
    return (
        f"{percent(outlook.success_share)}{sure} succeed, p95 {duration(outlook.result_p95_seconds)}, "
        f"{outlook.peak_depth:,.0f} wait at the most{drained} ({outlook.replications} replications)"
    )


def _check(check: Check) -> str:
    missed = f"; missed: {', '.join(check.missed)}" if check.missed else ""
    return (
        f"played as a whole: {percent(check.success_share)} succeed, p95 {duration(check.result_p95_seconds)}"
        f" ({check.replications} replications){missed}"
    )


def _needs(needs: Iterable[Need], binding: str | None) -> Iterator[str]:
    rows = [
        (
            need.name + (" *" if need.name == binding else ""),
            _value(need.name, need.wanted),
            _value(need.name, need.got),
            "yes" if need.met else "NO",
            "none" if need.slots is None else f"{need.slots:,}",
        )
        for need in needs
    ]
    if rows:
        yield from _table(("threshold", "wanted", "as it stands", "met", "slots needed"), rows)
        yield "  * needs most"
    for need in needs:
        if need.why:
            yield f"  {need.name}: {need.why}"


def _course(pool: Pool, outlook: Outlook) -> Iterator[str]:
    yield "As it stands"
    yield from _fact("baseline", _baseline(pool))
    useful = f"{pool.useful_depth:,.0f} places are useful ({pool.capacity_per_second:,.4g}/s × the longest wait)"
    yield from _fact("queue", useful)
    rejection, expiry = _after(outlook.first_rejection_seconds), _after(outlook.first_expiry_seconds)
    yield from _fact("losses", f"first rejection {rejection}, first expiry {expiry}")
    yield from _fact("in all", _outlook(outlook))


def _baseline(pool: Pool) -> str:
    said = f"{pool.base_per_second:,.4g}/s: load {pool.base_load:.2f}"
    if pool.base_wait_seconds is None or pool.base_p99_wait_seconds is None:
        return said
    return (
        f"{said}, mean wait {duration(pool.base_wait_seconds)}, p99 {duration(pool.base_p99_wait_seconds)} (by formula)"
    )


def _after(seconds: float | None) -> str:
    return "none" if seconds is None else f"{duration(seconds)} after its start"


def _trigger(trigger: Trigger) -> Iterator[str]:
    yield f"When to add capacity that takes {trigger.lead_seconds:g} s to come"
    yield from _wrapped(trigger.why, "  ")
    rows = [
        (
            alarm.sees,
            duration(alarm.fires_seconds),
            f"{duration(abs(alarm.early_seconds))} {_early(alarm.early_seconds)}",
        )
        for alarm in trigger.alarms
    ]
    if rows:
        yield from _table(("alarm", "fires after", "the first loss"), rows)


def _early(seconds: float) -> str:
    return "before" if seconds >= 0 else "AFTER"


def _absorbs(absorbs: Absorbed, pool: Pool) -> Iterator[str]:
    yield f"What {pool.slots:,} slots absorb, as they stand, with {percent(absorbs.success_share)} succeeding"
    if absorbs.fluid_per_second is None:
        yield f"  {_rate(absorbs.per_second)}, steadily"
        return
    fluid = f"{absorbs.fluid_per_second:,.4g}/s"
    yield f"  {_rate(absorbs.per_second)} for {duration(pool.peak_seconds)} (a fluid: {fluid})"
    if absorbs.fluid_seconds is not None:
        how_long = duration(absorbs.seconds)
        yield f"  {pool.peak_per_second:,.4g}/s for {how_long} (a fluid: {duration(absorbs.fluid_seconds)})"


def _rate(per_second: float | None) -> str:
    return "nothing that was tried" if per_second is None else f"{per_second:,.4g}/s"


def _changes(plan: Plan) -> Iterator[str]:
    yield "How near the edge the setting is"
    rows = [_row(change) for change in (*plan.changes, plan.without_one)]
    yield from _table(("if", "succeed", "p95", "drained in", "missed"), rows)
    yield "  workers: slots are spread evenly over them, and nobody takes over those of a lost one. Here the others do,"
    yield "  once its calls have timed out."


def _row(change: Change) -> tuple[str, ...]:
    p95, drain = duration(change.result_p95_seconds), duration(change.drain_seconds)
    return change.what, percent(change.success_share), p95, drain, ", ".join(change.missed) or "-"


def _waiting(polling: Polling) -> Iterator[str]:
    yield "Clients that wait, at the peak of the setting"
    if polling.connections:
        asks = f", {polling.requests_per_second:,.4g} requests/s" if polling.requests_per_second else ""
        yield f"  connections held open: {polling.connections:,}{asks}"
    else:
        each = f"each every {polling.every_seconds:.3g} s"
        yield f"  {polling.waiting:,} clients, {each}: {polling.requests_per_second:,.4g} requests/s"


def _metastable(found: Metastability) -> Iterator[str]:
    yield f"Metastable: {'yes' if found.vulnerable and not found.cures else 'no'}"
    yield from _wrapped(found.why, "  ")
    if found.vulnerable and found.cures:
        yield from _wrapped(f"cured: {'; '.join(found.cures)}", "  ")
    elif found.vulnerable:
        cure = f"a TTL of at most {found.longest_ttl_seconds:.3g} s, or at most {found.most_places:,} places, cures it"
        yield from _wrapped(cure, "  ")


def _value(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return percent(value) if name.endswith("_share") else duration(value)


def _was(now: float, before: float) -> str:
    return "" if now == before else f" (now {before:,.4g})"


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:,.3g} GB"


def _fact(name: str, said: str) -> Iterator[str]:
    first, *others = _wrapped(said)
    yield f"  {name:<10}{first}"
    yield from (f"  {'':<10}{line}" for line in others)


def _wrapped(text: str, indent: str = "") -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > WIDTH - len(indent):
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return [indent + line for line in lines]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for first, *others in (head, *rows):
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  " + "  ".join([first.ljust(widths[0]), *cells])
