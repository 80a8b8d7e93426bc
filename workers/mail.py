"""One attempt to tell of a job's end by mail: plain words, no result, a link."""

import asyncio
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPResponseException
from aiosmtplib.errors import SMTPTimeoutError

from bff.broker.job import Job, JobStatus
from bff.policies.destination import Mail
from bff.policies.smtp import SmtpServer
from bff.wire.document import links
from workers.attempt import DELIVERED, Attempt, Verdict

TOTAL_SECONDS = 10.0

_SUBJECTS = {
    JobStatus.SUCCEEDED: "Your request is done",
    JobStatus.FAILED: "Your request could not be done",
    JobStatus.EXPIRED: "Your request was not done in time",
    JobStatus.CANCELLED: "Your request was cancelled",
}
_WORDS = {
    JobStatus.SUCCEEDED: "Your request is done. The result waits for you.",
    JobStatus.FAILED: "Your request could not be done. What had been done of it is being undone. Please try again.",
    JobStatus.EXPIRED: "There was too much to do, and your request was not done in time. Please try again.",
    JobStatus.CANCELLED: "Your request was cancelled, as you asked.",
}
_PARTIAL = "Your request is done, but for a part that could not be had. The result waits for you."


class Mailer:
    """`sender` is an address; `public_url` is where clients find the gateway."""

    def __init__(self, server: SmtpServer, sender: str, public_url: str) -> None:
        self._server = server
        self._sender = sender
        self._public_url = public_url.rstrip("/")

    async def send(self, mail: Mail, job: Job) -> Attempt:
        """Raises nothing but CancelledError."""
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._handed_in(message_of(mail.address, self._sender, self._public_url, job))
        except (TimeoutError, SMTPTimeoutError):
            return Attempt(Verdict.FAILED, "timeout")
        except SMTPRecipientsRefused as error:
            return _refused(error.recipients[0].code)
        except SMTPDataError as error:
            return _refused(error.code)
        except SMTPResponseException as error:  # ours or the server's: not this mail's fault
            return Attempt(Verdict.FAILED, f"smtp-{error.code}")
        except (SMTPException, OSError) as error:
            return Attempt(Verdict.FAILED, "cannot-connect" if isinstance(error, OSError) else "smtp-failed")

    async def _handed_in(self, message: EmailMessage) -> Attempt:
        server = self._server
        smtp = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user or None,
            password=server.password or None,
            use_tls=server.tls,
            start_tls=False if server.tls else (True if server.password else None),
            local_hostname="localhost",
            timeout=TOTAL_SECONDS,
        )
        async with smtp:
            await smtp.send_message(message)
        return DELIVERED


def _refused(code: int) -> Attempt:
    """5xx is for good (RFC 5321, 4.2.1)."""
    return Attempt(Verdict.REFUSED if 500 <= code < 600 else Verdict.FAILED, f"smtp-{code}")


def message_of(address: str, sender: str, public_url: str, job: Job) -> EmailMessage:
    """The same Message-ID each time. EmailMessage raises ValueError for a header with a line break in it."""
    link = public_url + links(job.id)["page"]
    words = _PARTIAL if job.partial else _WORDS[job.status]
    facts = {"What": job.operation, "Asked for": _moment(job.submitted_ms), "Ended": _moment(job.finished_ms)}
    until = f"It can be read there until {_moment(job.expires_ms)}."
    message = EmailMessage()
    message["Subject"] = _SUBJECTS[job.status]
    message["From"] = sender
    message["To"] = address
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{job.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    listed = "".join(f"{name}: {value}\n" for name, value in facts.items())
    message.set_content(f"{words}\n\n{link}\n\n{listed}\n{until}\n")
    rows = "".join(f"<li>{escape(name)}: {escape(value)}</li>" for name, value in facts.items())
    message.add_alternative(
        f'<!doctype html><html lang="en"><head><title>{escape(_SUBJECTS[job.status])}</title></head><body>'
        f'<p>{escape(words)}</p><p><a href="{escape(link)}">See your request</a></p>'
        f"<ul>{rows}</ul><p>{escape(until)}</p></body></html>\n",
        subtype="html",
    )
    return message


def _moment(milliseconds: int | None) -> str:
    return f"{datetime.fromtimestamp((milliseconds or 0) / 1000, UTC):%d %B %Y, %H:%M} UTC"
