"""One attempt at a mail, at a real SMTP server."""

import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from bff.broker.job import CallState, CallStatus, JobStatus
from bff.policies.destination import Mail
from bff.policies.smtp import SmtpServer, smtp_server_of
from tests.contract.postbox import Postbox, served
from tests.workers.notifying import a_certificate, a_job
from workers import mail
from workers.attempt import DELIVERED, Attempt, Verdict
from workers.mail import Mailer, message_of

pytestmark = pytest.mark.anyio

TO = Mail("orders@example.com")


def mailer(server: SmtpServer) -> Mailer:
    return Mailer(server, "no-reply@shop.example", "https://shop.example/")


async def test_it_says_in_plain_words_how_it_ended_and_where_to_see_it() -> None:
    postbox, job = Postbox(), a_job()
    with served(postbox) as server:
        assert await mailer(server).send(TO, job) == DELIVERED
    got = postbox.next()
    assert (got["from"], got["to"]) == ("no-reply@shop.example", "orders@example.com")
    assert got["subject"] == "Your request is done"
    assert got["auto-submitted"] == "auto-generated"
    assert got.get_content_type() == "multipart/alternative"
    plain, html = got.get_body(("plain",)), got.get_body(("html",))
    assert plain
    assert html
    for part in (plain, html):
        text = part.get_content()
        assert f"https://shop.example/jobs/{job.id}" in text
        assert "of the client" not in text, "the result"
    assert '<html lang="en">' in html.get_content()
    assert "report" in plain.get_content()


async def test_the_same_mail_has_the_same_id() -> None:
    postbox, job = Postbox(), a_job()
    with served(postbox) as server:
        for _ in range(2):
            assert await mailer(server).send(TO, job) == DELIVERED
    first, second = postbox.next(), postbox.next()
    assert first["message-id"] == second["message-id"] == f"<{job.id}@shop.example>"


@pytest.mark.parametrize("status", [status for status in JobStatus if status.terminal])
def test_every_end_has_words_of_its_own(status: JobStatus) -> None:
    message = message_of("a@b.example", "c@d.example", "https://x.example", a_job(status=status))
    others = [message_of("a@b.example", "c@d.example", "", a_job(status=s)) for s in JobStatus if s.terminal]
    assert [other["subject"] for other in others].count(message["subject"]) == 1


def test_that_a_part_is_missing_is_said() -> None:
    calls = (CallState("must", CallStatus.SUCCEEDED), CallState("nice", CallStatus.FAILED))
    body = message_of("a@b.example", "c@d.example", "https://x.example", a_job(calls=calls)).get_body(("plain",))
    assert body
    assert "but for a part" in body.get_content()


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: x@y.example", "a@b.example\nX: y"])
def test_no_header_can_be_slipped_in(address: str) -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline|CR"):
        message_of(address, "c@d.example", "https://x.example", a_job())


def test_what_is_markup_is_shown_as_it_is() -> None:
    body = message_of("a@b.example", "c@d.example", "https://x.example", a_job(operation="<b>&")).get_body(("html",))
    assert body
    assert "&lt;b&gt;&amp;" in body.get_content()


@pytest.mark.parametrize(
    ("postbox", "attempt"),
    [
        (Postbox(rcpt="550 no such mailbox"), Attempt(Verdict.REFUSED, "smtp-550")),
        (Postbox(rcpt="450 busy"), Attempt(Verdict.FAILED, "smtp-450")),
        (Postbox(data="554 spam"), Attempt(Verdict.REFUSED, "smtp-554")),
        (Postbox(data="451 later"), Attempt(Verdict.FAILED, "smtp-451")),
        (Postbox(mail="553 who are you"), Attempt(Verdict.FAILED, "smtp-553")),  # to whom it is has no part in that
    ],
)
async def test_a_no_for_good_is_not_tried_again(postbox: Postbox, attempt: Attempt) -> None:
    with served(postbox) as server:
        assert await mailer(server).send(TO, a_job()) == attempt


async def test_a_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "TOTAL_SECONDS", 0.3)
    with served(Postbox(data="hang")) as server:
        assert await mailer(server).send(TO, a_job()) == Attempt(Verdict.FAILED, "timeout")


async def test_a_server_that_is_not_there_is_tried_again() -> None:
    with served(Postbox()) as server:
        pass
    assert await mailer(server).send(TO, a_job()) == Attempt(Verdict.FAILED, "cannot-connect")


async def test_a_password_never_goes_over_an_open_line() -> None:
    asked: list[object] = []

    def authenticator(*of: object) -> AuthResult:
        asked.append(of)
        return AuthResult(success=True)

    with served(Postbox(), authenticator=authenticator, auth_require_tls=False) as server:
        given = SmtpServer(server.host, server.port, tls=False, user="u", password="p")
        assert (await mailer(given).send(TO, a_job())).verdict is Verdict.FAILED
    assert asked == []


async def test_it_logs_in_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = a_certificate(tmp_path, "IP:127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    postbox = Postbox()

    def authenticator(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        return AuthResult(success=(given.login, given.password) == (b"u", b"p@:/"), handled=False)

    context: ssl.SSLContext = certificate.server()
    with served(postbox, tls_context=context, authenticator=authenticator) as server:
        for password, good in (("p%40%3A%2F", True), ("wrong", False)):
            given = smtp_server_of(f"smtp://u:{password}@127.0.0.1:{server.port}")
            assert given
            attempt = await mailer(given).send(TO, a_job())
            assert attempt == (DELIVERED if good else Attempt(Verdict.FAILED, "smtp-535"))
    assert postbox.mails.qsize() == 1


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", None),
        ("smtp://mail", SmtpServer("mail", 587, tls=False)),
        ("smtp://mail:1025", SmtpServer("mail", 1025, tls=False)),
        ("smtps://u:p%40@mail", SmtpServer("mail", 465, tls=True, user="u", password="p@")),
    ],
)
def test_where_mail_is_handed_in(url: str, server: SmtpServer | None) -> None:
    assert smtp_server_of(url) == server


@pytest.mark.parametrize("url", ["mail", "http://mail", "smtp://", "smtp://u:hidden@mail/x", "smtp://u:hidden@mail:x"])
def test_what_is_no_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="smtp://") as refused:
        smtp_server_of(url)
    assert "hidden" not in str(refused.value)
    assert "hidden" not in repr(SmtpServer("mail", 1, tls=False, password="hidden"))
