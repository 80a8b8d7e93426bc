"""`bff dead-letters`: what was given up, for an operator to look at, to replay or to discard."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click

from bff.broker.cell import Cell
from bff.broker.dead_letters import LETTER_ID, DeadLetter, DeadLetters, NotReplayed
from bff.broker.survey import now_ms
from bff.settings import KeepingSettings
from stack.letters_shown import as_json, as_table
from stack.options import options_of, settings_from
from stack.refused import WrongUse
from stack.visit import visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The letters that were named, or all, of one service or of each; none that came since the command began."""

    cell: Cell
    ids: tuple[str, ...]
    service: str | None
    until_ms: int

    async def letters(self) -> AsyncIterator[tuple[str, DeadLetter | None]]:
        """With the id of each; None where there is none of that id."""
        dead = DeadLetters(self.cell)
        for letter_id in dict.fromkeys(self.ids):
            yield letter_id, await dead.find(letter_id)
        if self.ids:
            return
        async for letter in dead.all(self.service):
            if letter.buried_ms > self.until_ms:
                return  # one that was replayed, and has been buried again meanwhile
            yield letter.id, letter

    @property
    def words(self) -> str:
        return f" of service {self.service!r}" if self.service else ""


Act = Callable[[Chosen], Awaitable[bool]]
"""Does something with the chosen letters; False where it could not be done with each."""


def commands(name: str, summary: str) -> click.Group:
    """The group, for the console script."""
    service = click.Option(["--service"], metavar="NAME", help="Only of this service.")
    json_ = click.Option(["--json", "json_"], is_flag=True, help="One JSON array, with the parameters.")
    ids = click.Argument(["ids"], nargs=-1, metavar="[ID...]")
    all_ = click.Option(["--all", "all_"], is_flag=True, help="All of them, or all of one service.")
    listing = _command("list", "Show them, oldest first.", [service, json_], _list, f"bff {name} list --json")
    replaying = "Do it again. A call becomes a new job of the same client; what else there is goes on under its own."
    discarding = "Forget them; what they stand for stays as it is."
    return click.Group(
        name,
        commands=[
            listing,
            _command("replay", replaying, [ids, all_, service], _replay, f"bff {name} replay 1790000000000-0"),
            _command("discard", discarding, [ids, all_, service], _discard, f"bff {name} discard --all"),
        ],
        help=summary,
        epilog=f"Example: bff {name} replay --all --service payments",
    )


def _command(
    name: str, summary: str, params: Iterable[click.Parameter], act: Callable[..., Awaitable[bool]], example: str
) -> click.Command:
    def callback(ids: tuple[str, ...] = (), service: str | None = None, **given: Any) -> None:
        if "all_" in given:
            _refuse_unclear_choice(ids, service, given.pop("all_"))
        shown = {"json_": given.pop("json_")} if "json_" in given else {}
        settings = settings_from(KeepingSettings, given)

        async def chosen(cell: Cell) -> bool:
            until_ms = await now_ms(cell)
            return await act(Chosen(cell=cell, ids=ids, service=service, until_ms=until_ms), **shown)

        visit("bff dead-letters", settings, chosen)

    settings_options = options_of(KeepingSettings)
    return click.Command(
        name, callback=callback, params=[*params, *settings_options], help=summary, epilog=f"Example: {example}"
    )


def _refuse_unclear_choice(ids: tuple[str, ...], service: str | None, all_: bool) -> None:
    for letter_id in ids:
        if not LETTER_ID.fullmatch(letter_id):
            raise WrongUse(
                f"{letter_id!r} is no id of a dead letter, such as 1790000000000-0: see `bff dead-letters list`"
            )
    if bool(ids) == all_:
        raise WrongUse("give either the ids of dead letters, or --all")
    if ids and service:
        raise WrongUse("--service goes with --all, not with ids")


async def _list(chosen: Chosen, *, json_: bool) -> bool:
    letters = [letter async for _, letter in chosen.letters() if letter]
    if json_:
        click.echo(as_json(letters))
    elif letters:
        click.echo(as_table(letters, chosen.until_ms))
    else:
        click.echo(f"no dead letters{chosen.words}")
    return True


async def _replay(chosen: Chosen) -> bool:
    dead = DeadLetters(chosen.cell)

    async def replay(letter: DeadLetter) -> str:
        return f"job {await dead.replay(letter)}"

    return await _each(chosen, replay)


async def _discard(chosen: Chosen) -> bool:
    dead = DeadLetters(chosen.cell)

    async def discard(letter: DeadLetter) -> str:
        return "discarded" if await dead.discard(letter) else "was gone already"

    return await _each(chosen, discard)


async def _each(chosen: Chosen, act: Callable[[DeadLetter], Awaitable[str]]) -> bool:
    """Say what came of each letter: on stderr where nothing did."""
    seen, good = 0, True
    async for letter_id, letter in chosen.letters():
        seen += 1
        try:
            if letter is None:
                raise NotReplayed("there is no such dead letter")
            click.echo(f"{letter_id}: {await act(letter)}")
        except NotReplayed as why:
            click.echo(f"{letter_id}: {why}", err=True)
            good = False
    if not seen:
        click.echo(f"no dead letters{chosen.words}")
    return good
