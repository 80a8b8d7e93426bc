"""One page of text about a run, simulated or driven: what became of the requests, and how the queue bore it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scenario.model import Pattern
from scenario.result import End, Figures, Percentiles, Source, Threshold
from scenario.stage import Stage

BAR = 24


def page(figures: Figures, stage: Stage) -> str:
    """What makes a run worthless stands first. `stage` is what it was played on."""
    sections = (
        _validity(figures.load or {}),
        _head(figures, stage),
        _ends(figures),
        _priorities(figures),
        _latencies(figures),
        _sync(figures, stage) if stage.scenario.pattern is Pattern.SYNC else _queue(figures, stage),
        _driven(figures.load or {}),
        _thresholds(figures),
    )
    shown = ("\n".join(lines) for section in sections if (lines := list(section)))
    return "\n\n".join(shown) + "\n"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:,.0f} s"


def percent(share: float) -> str:
    """Never rounded to 0 or 100 % where it is not."""
    shown = f"{share:.2%}"
    if shown == "100.00%" and share < 1:
        return "> 99.99 %"
    if shown == "0.00%" and share > 0:
        return "< 0.01 %"
    return f"{share * 100:.2f} %"


def word(end: End) -> str:
    return end.value.replace("_", " ")


def count(number: float) -> str:
    return f"{number:,.0f}"


def _validity(load: Mapping[str, Any]) -> Iterator[str]:
    if load.get("valid", True):
        return
    yield "INVALID RUN: what follows says nothing about the system."
    yield from (f"  {reason}" for reason in load.get("reasons", ()))


def _head(figures: Figures, stage: Stage) -> Iterator[str]:
    traffic = stage.scenario.traffic
    source = "driven" if figures.source is Source.LOAD else "simulated"
    times = f", mean of {figures.replications} replications" if figures.replications > 1 else ""
    yield f"{figures.scenario} ({stage.scenario.pattern}), {source}{times}"
    yield (
        f"  {count(figures.offered)} requests in {traffic.duration_seconds - traffic.warmup_seconds:,g} s, "
        f"{count(figures.accepted)} accepted, {count(figures.attempts)} attempts"
    )


def _ends(figures: Figures) -> Iterator[str]:
    spike = figures.spike.get("shares")
    yield f"  {'what became of them':<{BAR + 14}}  {'share':>9}  {'requests':>10}" + ("  in the spike" if spike else "")
    for end in End:
        share = figures.shares[end]
        line = f"  {word(end):<11}  {_bar(share)}  {percent(share):>9}  {count(share * figures.offered):>10}"
        yield line + (f"  {percent(spike[end]):>12}" if spike else "")
    if figures.rejected_by_reason:
        ordered = sorted(figures.rejected_by_reason.items(), key=lambda each: -each[1])
        yield "  attempts rejected: " + ", ".join(f"{reason} {count(number)}" for reason, number in ordered)


def _priorities(figures: Figures) -> Iterator[str]:
    if len(figures.by_priority) < 2:
        return
    heads = ("offered", "succeeded", "expired", "rejected", "result p95")
    yield _row("by priority", heads)
    for name, each in figures.by_priority.items():
        shares = (percent(each["shares"][end]) for end in (End.SUCCEEDED, End.EXPIRED, End.REJECTED))
        yield _row(name, (count(each["offered"]), *shares, duration(each["result_seconds"].p95 or None)))


def _latencies(figures: Figures) -> Iterator[str]:
    yield _row("latency", ("mean", "p50", "p95", "p99"))
    rows = (
        ("accept", figures.accept_seconds, "until it was accepted"),
        ("wait", figures.wait_seconds, "for a slot at the bottleneck"),
        ("result", figures.result_seconds, "until done, of what succeeded"),
        ("told", figures.told_seconds, "until the client knew"),
    )
    yield from (_latency(name, values, what) for name, values, what in rows if values != Percentiles())


def _latency(name: str, values: Percentiles, what: str) -> str:
    return _row(name, map(duration, (values.mean, values.p50, values.p95, values.p99))) + f"  {what}"


def _row(name: str, cells: Iterable[str]) -> str:
    return f"  {name:<11}  " + "  ".join(f"{cell:>10}" for cell in cells)


def _queue(figures: Figures, stage: Stage) -> Iterator[str]:
    service, useful = stage.bottleneck.service, stage.useful_depth
    yield f"  queue of {service.name}"
    within = f"{figures.peak_depth / service.capacity:.0%} of {service.capacity:,}"
    yield _fact("peak depth", f"{count(figures.peak_depth)}{_interval(figures, 'peak_depth')}, {within} places")
    rate, wait = stage.bottleneck.calls_per_second, stage.longest_wait_seconds
    beyond = "; deeper, work only expires" if service.capacity > useful else ""
    yield _fact("C·TTL", f"{_rate(rate)}/s × {wait:.4g} s = {count(useful)} places{beyond}")
    yield _fact("first rejection", _since(figures.first_rejection_seconds, stage))
    yield _fact("first expiry", _since(figures.first_expiry_seconds, stage))
    if stage.scenario.traffic.spikes:
        yield _fact("drained", _drained(figures.drain_seconds))
    yield _fact("goodput", f"{figures.goodput_per_second:,.1f}/s, slots {figures.utilisation:.0%} busy")


def _sync(figures: Figures, stage: Stage) -> Iterator[str]:
    yield f"  synchronous: {stage.scenario.gateway_concurrency:,} requests held at once, at most"
    yield _fact("first rejection", _since(figures.first_rejection_seconds, stage))
    yield _fact("goodput", f"{figures.goodput_per_second:,.1f}/s, slots {figures.utilisation:.0%} busy")


def _driven(load: Mapping[str, Any]) -> Iterator[str]:
    """What only a load run knows."""
    if sender := load.get("sender"):
        yield "  load tester"
        rates = f"{sender['achieved_per_second']:,.1f}/s of {sender['offered_per_second']:,.1f}/s"
        lag = f"p50 {duration(sender['lag_p50_seconds'])}, p99 {duration(sender['lag_p99_seconds'])}"
        yield _fact("sent", f"{rates}, late by {lag}, at most {duration(sender['lag_max_seconds'])}")
        yield _fact("used", f"{sender['busy_share']:.0%} of a core{_cores(load)}")
    if effects := load.get("max_effects_per_key"):
        yield _fact("effects", "none twice" if effects == 1 else f"UP TO {effects} OF ONE CALL: there must be one")


def _cores(load: Mapping[str, Any]) -> str:
    cores = load.get("metrics", {}).get("cores", {})
    return "".join(f", {role} {used:.2f} cores" for role, used in cores.items())


def _thresholds(figures: Figures) -> Iterator[str]:
    if not figures.slo:
        return
    missed = sum(not each.met for each in figures.slo)
    yield f"  thresholds: {missed} of {len(figures.slo)} missed" if missed else "  thresholds: all met"
    yield from map(_threshold, figures.slo)


def _threshold(each: Threshold) -> str:
    share = each.name.endswith("_share")
    show = percent if share else duration
    name = each.name.removesuffix("_seconds").removesuffix("_share").replace("_", " ")
    got = "nothing to measure" if each.got is None else show(each.got)
    bound = "at least" if share else "at most"
    return f"    {'met' if each.met else 'MISSED':<6}  {name:<15}  {got}, wanted {bound} {show(each.wanted)}"


def _drained(seconds: float | None) -> str:
    return "not while it was watched" if seconds is None else f"{duration(seconds)} after the last spike"


def _since(seconds: float | None, stage: Stage) -> str:
    if seconds is None:
        return "none"
    start = "the first spike began" if stage.scenario.traffic.spikes else "the run began"
    return f"{duration(abs(seconds))} {'after' if seconds >= 0 else 'before'} {start}"


def _interval(figures: Figures, name: str) -> str:
    if name not in figures.interval_95:
        return ""
    low, high = figures.interval_95[name]
    return f" ({count(max(low, 0))} to {count(high)})"  # of few replications an interval may begin below nothing


def _rate(per_second: float) -> str:
    return f"{per_second:,.1f}".removesuffix(".0")


def _fact(name: str, said: str) -> str:
    return f"    {name:<15}  {said}"


def _bar(share: float) -> str:
    return ("█" * max(round(share * BAR), int(share > 0))).ljust(BAR, "·")
