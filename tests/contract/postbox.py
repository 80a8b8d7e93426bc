"""A real SMTP server that keeps the mails it is handed."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Queue
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from bff.policies.smtp import SmtpServer


class Postbox:
    """Answers MAIL, RCPT and DATA as told; `hang` does not answer."""

    def __init__(self, mail: str = "250 OK", rcpt: str = "250 OK", data: str = "250 OK") -> None:
        self.mails: Queue[EmailMessage] = Queue()
        self._mail = mail
        self._rcpt = rcpt
        self._data = data

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self._mail

    async def handle_RCPT(  # noqa: N802  # the name is aiosmtpd's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self._rcpt

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self._data == "hang":
            await asyncio.sleep(30)
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        assert envelope.rcpt_tos == [parsed["to"]]
        self.mails.put(parsed)
        return self._data

    def next(self, timeout_seconds: float = 20) -> EmailMessage:
        return self.mails.get(timeout=timeout_seconds)


@contextmanager
def served(postbox: Postbox, **options: Any) -> Iterator[SmtpServer]:
    """In a thread of its own."""
    listening: Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Queue()

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        made = await loop.create_server(
            lambda: SMTP(postbox, loop=loop, hostname="localhost", **options), "127.0.0.1", 0
        )
        listening.put((loop, over, made.sockets[0].getsockname()[1]))
        await over.wait()
        made.close()

    running = threading.Thread(target=asyncio.run, args=(serve(),))  # which cancels what still goes on
    running.start()
    loop, over, port = listening.get(timeout=60)
    try:
        yield SmtpServer("127.0.0.1", port, tls=False)
    finally:
        loop.call_soon_threadsafe(over.set)
        running.join()
