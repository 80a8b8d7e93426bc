"""What an operator does at the console, and what is said of it; what can do harm is asked first."""

from collections.abc import Mapping
from dataclasses import dataclass

from bff.broker.dead_letters import DeadLetters, NotReplayed
from bff.broker.steering import MOST_HELD_SECONDS, Steering
from bff.policies.breaker import Forced
from gateway.admin.dead_letters import replay_all
from gateway.admin.services import known_service
from gateway.gateway import Gateway
from gateway.pages.console_words import many

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """Asked before it is done: what would be, what that means, and what the button says that does it."""

    title: str
    meaning: str
    button: str


def question(form: Form) -> Question | None:
    """None where it does no harm, or the operator has said that he is sure."""
    if form.get("sure"):
        return None
    service = form.get("service", "")
    if form.get("discard"):
        return Question(
            f"Discard dead letter {form['discard']}?",
            "It is forgotten. What it stands for stays as it is: what was not undone stays done, who was not told is "
            "not told.",
            "Discard",
        )
    if form.get("do") == "pause":
        seconds = form.get("seconds", "").strip()
        title = f"Pause {service} {f'for {seconds} seconds' if seconds else 'until it is resumed'}?"
        return Question(
            title,
            "Nobody calls it meanwhile. What waits for it goes on waiting, and expires when it is too late. New "
            f"requests {'wait longer' if seconds else 'that need it are refused; what can do without it goes on'}.",
            f"Pause {service}",
        )
    if form.get("do") == "open":
        return Question(
            f"Force the breaker of {service} open?",
            "Nobody calls it until the breaker is left to itself again. New requests that need it are refused, unless "
            "there is something to fall back on.",
            "Force open",
        )
    return None


async def done(gateway: Gateway, form: Form) -> str:
    """Do it, and say what was done. Raises Problem, BrokerUnavailable."""
    said = await _done(gateway, form)
    gateway.overview.outdated()
    return said


async def _done(gateway: Gateway, form: Form) -> str:
    if form.get("replay") or form.get("discard"):
        return await _with_letter(gateway, form)
    match form.get("do"):
        case "pause" | "resume" | "open" | "closed" | "auto":
            return await _steered(gateway, form)
        case "rollout":
            return await _rolled_out(gateway, form)
        case "replay-all":
            return await _replayed_all(gateway, form.get("service", ""))
        case _:
            return "Nothing was done: the form says nothing that there is."


async def _steered(gateway: Gateway, form: Form) -> str:
    service = known_service(gateway, form.get("service", "")).name
    steering = Steering(gateway.broker.cell)
    match form["do"]:
        case "pause":
            return await _paused(steering, service, form.get("seconds", "").strip())
        case "resume":
            return f"{service} is called again." if await steering.resume(service) else f"{service} was not paused."
        case "auto":
            await steering.force(service, None)
            return f"The breaker of {service} is left to itself."
        case word:
            await steering.force(service, Forced(word))
            return f"The breaker of {service} is forced {word}."


async def _paused(steering: Steering, service: str, seconds: str) -> str:
    if not seconds:
        await steering.hold(service)
        return f"{service} is paused until it is resumed."
    if not (seconds.isdecimal() and len(seconds) < 10 and 1 <= int(seconds) <= MOST_HELD_SECONDS):
        return f"Nothing was done: a pause is 1 to {MOST_HELD_SECONDS} seconds, or none are given."
    await steering.hold(service, int(seconds))
    return f"{service} is paused for {many(int(seconds), 'second')}."


async def _rolled_out(gateway: Gateway, form: Form) -> str:
    operation = form.get("operation", "")
    try:
        percent = float(form.get("percent", ""))
        if operation not in gateway.rollout.percentages:
            return "Nothing was done: there is no such operation."
        await gateway.rollout.set(operation, percent)
    except ValueError:
        return "Nothing was done: a percentage is 0 to 100."
    return f"{gateway.rollout.percentages[operation]:g} % of {operation} are asynchronous."


async def _with_letter(gateway: Gateway, form: Form) -> str:
    letters = DeadLetters(gateway.broker.cell)
    letter_id = form.get("replay") or form.get("discard") or ""
    letter = await letters.named(letter_id)
    if letter is None:
        return f"There is no dead letter {letter_id[:40]} any more."
    if form.get("discard"):
        return f"Dead letter {letter.id} is discarded." if await letters.discard(letter) else "It was gone already."
    try:
        return f"Dead letter {letter.id} is replayed, as job {await letters.replay(letter)}."
    except NotReplayed as why:
        return f"Dead letter {letter.id} was not replayed: {why}."


async def _replayed_all(gateway: Gateway, service: str) -> str:
    came = await replay_all(DeadLetters(gateway.broker.cell), service)
    said = f"{many(len(came['replayed']), 'dead letter')} of {service} replayed."
    if came["refused"]:
        said += f" {len(came['refused'])} not: {came['refused'][0]['detail']}"
    return said + (" There are more." if came["next"] else "")
