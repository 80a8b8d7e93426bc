"""`bff up`: everything on this machine, until Ctrl-C."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from bff.catalog.tables import CatalogError
from stack.group import Group, process_group
from stack.keys import Keyring
from stack.options import without_password
from stack.parts import Part, Role, python_parts, redis_part
from stack.ports import choose_ports
from stack.ready import is_listening
from stack.redis_server import find_redis_server, locked
from stack.refused import Refused
from stack.running import PartFailed
from stack.settings import StackSettings
from stack.supervisor import Supervisor
from stack.terminal import Terminal


def run(settings: StackSettings) -> None:
    """Blocks until it is told to stop. Raises SystemExit with a line where it cannot start."""
    try:
        keyring = Keyring(settings.auth)
        ports = choose_ports(settings)
        with process_group() as group, Terminal() as terminal:
            if settings.redis_url:
                _refuse_unreachable(settings.redis_url)
                terminal.say(f"uses the Redis at {without_password(settings.redis_url)} (--redis-url, REDIS_URL)")
                parts = python_parts(ports, settings.redis_url, keyring.environment())
                asyncio.run(serve([], parts, terminal, group, keyring))
            else:
                with own_redis(settings.data_dir, group) as redis:
                    parts = python_parts(ports, redis.url, keyring.environment())
                    asyncio.run(serve([redis], parts, terminal, group, keyring))
    except (CatalogError, Refused, PartFailed) as error:
        raise SystemExit(f"bff up: {error}") from None


@contextmanager
def own_redis(data: Path | None, group: Group) -> Iterator[Part]:
    server = find_redis_server()
    with locked(data, server) if data else nullcontext() as lock:
        yield redis_part(server, group.directory, data and data.resolve(), inherits=[lock] if lock else [])


async def serve(
    first: Sequence[Part], then: Sequence[Part], terminal: Terminal, group: Group, keyring: Keyring
) -> None:
    """Raises PartFailed, everything stopped."""
    supervisor = Supervisor(terminal, group.id)
    life = asyncio.create_task(_live(supervisor, first, then, terminal, keyring))
    _on_stop_signals(life, supervisor)
    try:
        await life
    except asyncio.CancelledError:
        terminal.say("stopping")
    finally:
        await supervisor.stop()


async def _live(
    supervisor: Supervisor, first: Sequence[Part], then: Sequence[Part], terminal: Terminal, keyring: Keyring
) -> None:
    await supervisor.bring_up(first)
    await supervisor.bring_up(then)
    for line in _announcement([*first, *then], keyring):
        terminal.say(line)
    await supervisor.keep_up()


def _on_stop_signals(life: asyncio.Task[None], supervisor: Supervisor) -> None:
    """The first stops everything in order; a second Ctrl-C kills.

    A second SIGTERM does not: `make` passes on one that its whole group, this process too, has got already.
    """

    def stop(number: signal.Signals) -> None:
        if not life.cancel() and number is signal.SIGINT:
            supervisor.kill()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            loop.add_signal_handler(number, stop, number)


def _announcement(parts: Sequence[Part], keyring: Keyring) -> Iterator[str]:
    width = max(len(part.url) for part in parts)
    yield ""
    for part in parts:
        yield f"{part.name:<9}   {part.url:<{width}}   {part.note}".rstrip()
    gateway = next(part for part in parts if part.role is Role.GATEWAY)
    yield ""
    yield from keyring.lines()
    headers = "-H 'Content-Type: application/json' -H 'Prefer: wait=5'"
    if authorization := keyring.authorization():
        headers += f" -H '{authorization}'"
    yield f"""try: curl -i {gateway.url}/v1/operations/echo {headers} -d '{{"text": "hi"}}'"""
    yield ""
    yield "ready"


def _refuse_unreachable(redis_url: str) -> None:
    if not is_listening(redis_url):
        raise Refused(f"no Redis answers at {without_password(redis_url)} (--redis-url)")
