"""What tests of notifications are made of: a job that has ended, a certificate, a resolver that answers as told."""

import socket
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bff.broker.job import CallState, CallStatus, Job, JobStatus, Mode, Source
from bff.broker.job_id import new_job_id
from bff.broker.outbox import Notification
from bff.catalog.clients import new_webhook_secret
from bff.catalog.model import Priority

SECRET = new_webhook_secret()
NAME = "hooks.test"


def a_job(**changes: Any) -> Job:
    job = Job(
        id=new_job_id(),
        operation="report",
        client="acme",
        priority=Priority.LOW,
        mode=Mode.ASYNC,
        status=JobStatus.SUCCEEDED,
        version=3,
        submitted_ms=1_790_000_000_000,
        deadline_ms=1_790_000_060_000,
        now_ms=1_790_000_003_000,
        calls=(CallState("build", CallStatus.SUCCEEDED, 1, Source.LIVE, 200, 950),),
        outcomes={"build": b'{"secret":"of the client"}'},
        started_ms=1_790_000_001_000,
        finished_ms=1_790_000_002_000,
        expires_ms=1_790_086_402_000,
    )
    return replace(job, **changes)


def a_notification(job: Job | None = None) -> Notification:
    return Notification(job or a_job(), uri="", attempt=1, traceparent="", tracestate="")


@dataclass(frozen=True, slots=True)
class Certificate:
    """Of its own authority, which is itself."""

    file: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key)
        return context


def a_certificate(directory: Path, *names: str) -> Certificate:
    """For these subject alternative names, such as DNS:hooks.test."""
    made = Certificate(directory / "certificate.pem", directory / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    extension = f"subjectAltName={','.join(names)}"
    subprocess.run(
        [*command.split(), "-keyout", made.key, "-out", made.file, "-addext", extension],
        check=True,
        capture_output=True,
    )
    return made


class Names:
    """Answers like getaddrinfo: these addresses in turn, the last ones again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *more: object) -> list[Any]:
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]


def public_too(*addresses: str) -> Callable[[str], bool]:
    """For tests, these are on the Internet, and none else."""
    return lambda address: address in addresses
