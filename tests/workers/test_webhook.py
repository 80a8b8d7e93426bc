"""One attempt at a webhook: to a public address and no other, not redirected, and over in time, whatever answers."""

import socket
import time
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import Empty

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bff.policies.destination import webhook_of
from bff.wire.document import links
from tests.contract.receiver import Answer, Receiver, receiver, status
from tests.workers.notifying import NAME, SECRET, Certificate, Names, a_certificate, a_notification, public_too
from workers import public_internet, webhook
from workers.attempt import DELIVERED, Attempt, Verdict
from workers.public_internet import NotPublic, PublicResolver, connect_socket, public_connector
from workers.webhook import Webhooks

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return a_certificate(tmp_path_factory.mktemp("tls"), f"DNS:{NAME}", "IP:127.0.0.1")


@pytest.fixture
async def webhooks(certificate: Certificate) -> AsyncIterator[Webhooks]:
    made = Webhooks(frozenset(), certificate.file)
    yield made
    await made.aclose()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Names]:
    def answer(*answers: list[str]) -> Names:
        made = Names(*answers)
        monkeypatch.setattr(socket, "getaddrinfo", made)
        return made

    return answer


async def sent(webhooks: Webhooks, url: str, secrets: tuple[str, ...] = (SECRET,)) -> Attempt:
    return await webhooks.send(webhook_of(url), secrets, a_notification())


async def sent_to(hook: Receiver, path: str = "/", ca: Path | None = None) -> Attempt:
    """To a receiver whose origin is allowed."""
    webhooks = Webhooks(frozenset([hook.origin]), ca)
    try:
        return await sent(webhooks, hook.origin + path)
    finally:
        await webhooks.aclose()


def nothing_came(hook: Receiver) -> bool:
    return hook.deliveries.empty()


# Where it goes


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["100.64.0.1"], ["192.0.0.8"], ["224.0.0.1"], ["0.0.0.0"],
        ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["2002:7f00:1::"], ["fe80::1"], ["fc00::1"],
        ["93.184.216.34", "127.0.0.1"], ["2606:4700::1", "::1"], ["93.184.216.34", "::ffff:10.0.0.1"],
    ],
)  # fmt: skip
async def test_a_name_must_lead_to_public_addresses_only(
    webhooks: Webhooks, names: Callable[..., Names], addresses: list[str]
) -> None:
    names(addresses)
    assert await sent(webhooks, f"https://{NAME}/") == Attempt(Verdict.FAILED, "not-public")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/",
        "https://127.1/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "http://example.com/",
        "https://example.com:25/",
    ],
)  # fmt: skip
async def test_what_the_gateway_should_have_refused_goes_nowhere_either(webhooks: Webhooks, url: str) -> None:
    assert await sent(webhooks, url) == Attempt(Verdict.REFUSED, "url-not-allowed")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0", "１２７.1", "localhost"])  # noqa: RUF001
async def test_whatever_the_systems_resolver_takes_for_an_address_is_looked_at(host: str) -> None:
    resolver = PublicResolver()
    with pytest.raises((NotPublic, socket.gaierror)):
        await resolver.resolve(host, 443)
    await resolver.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "fe80::1%1"])
async def test_the_address_itself_is_looked_at_right_before_it_is_connected_to(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(NotPublic):
        connect_socket((family, socket.SOCK_STREAM, 6, "", (address, 443)))


async def test_a_resolver_that_lies_leads_nowhere() -> None:
    class Lying(AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[ResolveResult]:
            return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=6, flags=0)]

        async def close(self) -> None:
            pass

    with receiver() as hook:
        async with aiohttp.ClientSession(connector=public_connector(Lying())) as session:
            for host in ("a.example", "127.0.0.1"):
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.post(f"http://{host}:{hook.port}/")
        assert nothing_came(hook)


async def test_what_was_looked_up_is_what_is_connected_to_under_its_own_name(
    webhooks: Webhooks, names: Callable[..., Names], certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere at the second look (rebinding) is looked up once, and then not connected to."""
    monkeypatch.setattr(public_internet, "is_public", public_too("127.0.0.2"))
    asked = names(["127.0.0.2"], ["127.0.0.1"])
    with (
        receiver(tls=certificate.server(), host="127.0.0.2") as hook,
        receiver(tls=certificate.server(), port=hook.port) as inside,
    ):
        url = f"https://{NAME}:{hook.port}/x"
        assert await sent(webhooks, url) == DELIVERED
        assert asked.asked == [NAME]
        delivery = hook.next()
        assert delivery.headers["host"] == f"{NAME}:{hook.port}"
        assert delivery.verified(SECRET)["data"]["links"] == links(delivery.id)
        assert await sent(webhooks, url) == Attempt(Verdict.FAILED, "not-public")
        assert asked.asked == [NAME, NAME]
        assert nothing_came(inside)


async def test_a_certificate_must_be_for_the_name_and_trusted(
    webhooks: Webhooks, names: Callable[..., Names], certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_internet, "is_public", public_too("127.0.0.1"))
    names(["127.0.0.1"])
    with receiver(tls=certificate.server()) as hook:
        assert await sent(webhooks, f"https://other.test:{hook.port}/") == Attempt(
            Verdict.FAILED, "untrusted-certificate"
        )
        assert await sent_to(hook) == Attempt(Verdict.FAILED, "untrusted-certificate")
        assert await sent_to(hook, ca=certificate.file) == DELIVERED


async def test_a_redirect_is_not_followed() -> None:
    with receiver() as inside:
        for code in (301, 302, 303, 307, 308):
            with receiver(status(code, location=inside.origin)) as hook:
                assert await sent_to(hook) == Attempt(Verdict.FAILED, f"http-{code}")
        assert nothing_came(inside)


async def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as hook:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        assert await sent_to(hook) == DELIVERED
        assert nothing_came(proxy)


# What is sent


async def test_every_secret_signs_the_newest_first() -> None:
    with receiver() as hook:
        webhooks = Webhooks(frozenset([hook.origin]))
        older = "whsec_" + "A" * 32
        assert await sent(webhooks, hook.origin, (SECRET, older)) == DELIVERED
        delivery = hook.next()
        assert delivery.verified(SECRET) == delivery.verified(older)
        assert len(delivery.headers["webhook-signature"].split(" ")) == 2
        assert await sent(webhooks, hook.origin, ()) == Attempt(Verdict.FAILED, "no-secret")
        assert nothing_came(hook)
        await webhooks.aclose()


async def test_the_result_is_not_in_it_and_no_cookie_comes_back() -> None:
    with receiver(status(200, set_cookie="a=b")) as hook:
        origin = f"http://localhost:{hook.port}"
        webhooks = Webhooks(frozenset([origin]))
        for _ in range(2):
            assert await sent(webhooks, origin) == DELIVERED
            delivery = hook.next()
            assert b"of the client" not in delivery.body
            assert "cookie" not in delivery.headers
        await webhooks.aclose()


# What answers


@pytest.mark.parametrize(
    ("code", "attempt"),
    [
        (200, DELIVERED),
        (202, DELIVERED),
        (299, DELIVERED),
        (400, Attempt(Verdict.FAILED, "http-400")),
        (410, Attempt(Verdict.UNWANTED, "http-410")),
        (500, Attempt(Verdict.FAILED, "http-500")),
    ],
)
async def test_2xx_took_it_410_wants_no_more_and_the_rest_failed(code: int, attempt: Attempt) -> None:
    with receiver(status(code)) as hook:
        assert await sent_to(hook) == attempt


async def test_the_receiver_can_say_when_to_come_again() -> None:
    with receiver(status(503, retry_after="120")) as hook:
        assert await sent_to(hook) == Attempt(Verdict.FAILED, "http-503", 120_000)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:  # until the other side hangs up
        handler.wfile.write(b"x" * 65_536)


def hung(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" * 100:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(0.05)


def headers_without_end(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        handler.wfile.write(b"x-%d: %s\r\n" % (number, b"y" * 1000))


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    handler.close_connection = True


def hanging_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def switching(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "errors"),
    [
        (hung, {"timeout"}),
        (dripping, {"timeout"}),
        (headers_without_end, {"no-http-answer", "timeout"}),
        (garbage, {"no-http-answer"}),
        (hanging_up, {"hung-up", "no-http-answer"}),
        (switching, {"http-101", "hung-up", "no-http-answer"}),
    ],
)
async def test_what_is_no_answer_is_a_failed_attempt_that_ends_in_time(
    answer: Answer, errors: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TOTAL_SECONDS", 0.5)
    with receiver(answer) as hook:
        began = time.monotonic()
        attempt = await sent_to(hook)
        assert attempt.verdict is Verdict.FAILED
        assert attempt.error in errors
        assert time.monotonic() - began < 2


async def test_of_a_body_without_end_a_little_is_read() -> None:
    with receiver(endless) as hook:
        began = time.monotonic()
        assert await sent_to(hook) == DELIVERED
        assert time.monotonic() - began < 2


async def test_who_is_not_there_is_a_failed_attempt() -> None:
    with receiver() as hook:
        pass
    assert await sent_to(hook) == Attempt(Verdict.FAILED, "cannot-connect")
    with pytest.raises(Empty):
        hook.deliveries.get_nowait()
