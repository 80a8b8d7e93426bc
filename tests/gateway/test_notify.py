"""Request-Notify: what cannot be done is said at once."""

import pytest

from bff.broker.job import When
from bff.broker.jobs import Notify
from bff.catalog.clients import Client, new_webhook_secret
from gateway.headers import IndexedHeaders
from gateway.problems import Problem
from gateway.settings import GatewaySettings
from gateway.submission.notify import notify_of

HOOK = "https://hooks.example.com/x;y?z=%20"
SETTINGS = GatewaySettings(smtp_url="smtp://mail", webhook_allowed="http://127.0.0.1:9999")
CLIENT = Client(name="acme", webhook_secrets=(new_webhook_secret(),), mail=frozenset(["orders@example.com"]))
POOR = Client(name="public")


def asked(*values: str, client: Client = CLIENT, settings: GatewaySettings = SETTINGS) -> Notify | None:
    raw = [(b"request-notify", value.encode("latin-1")) for value in values]
    return notify_of(IndexedHeaders({"headers": raw}), client, settings)


def refused(*values: str, client: Client = CLIENT, settings: GatewaySettings = SETTINGS) -> str:
    with pytest.raises(Problem) as problem:
        asked(*values, client=client, settings=settings)
    assert problem.value.type.slug == "invalid-header"
    assert problem.value.members == {"header": "Request-Notify"}
    return problem.value.detail


def test_nobody_is_told_where_nobody_was_named() -> None:
    assert asked() is None


@pytest.mark.parametrize(
    ("value", "notify"),
    [
        (HOOK, Notify(HOOK, When.ALWAYS)),
        (f"{HOOK}; when=always", Notify(HOOK, When.ALWAYS)),
        (f"{HOOK};when=unclaimed", Notify(HOOK, When.UNCLAIMED)),
        (f'{HOOK} ; When="Unclaimed"', Notify(HOOK, When.UNCLAIMED)),
        ("mailto:orders@example.com", Notify("mailto:orders@example.com", When.UNCLAIMED)),
        ("mailto:ORDERS%40Example.com;when=always", Notify("mailto:ORDERS%40Example.com", When.ALWAYS)),
        ("http://127.0.0.1:9999/x", Notify("http://127.0.0.1:9999/x", When.ALWAYS)),
    ],
)
def test_whom_and_when(value: str, notify: Notify) -> None:
    assert asked(value) == notify


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "x", f"{HOOK}, {HOOK}", f"{HOOK} {HOOK}", f"<{HOOK}>", f'"{HOOK}"', f"{HOOK}; when=never",
        f"{HOOK}; when=", f"{HOOK}; how=soon", f"{HOOK}; when=always; when=always", "ftp://a.example", "sms:+4912345",
        "https://user:pass@a.example", "https://a.example/#x", "https://a.example:0", "http://a.example",
        "http://127.0.0.1:9998/", "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://127.1",
        "https://a.example:25", "https://a.exämple", "https://" + "a" * 2000, "mailto:",
        "mailto:orders@example.com?cc=x@y.z",
        "mailto:orders@example.com,x@y.z", "mailto:orders@example.com%0d%0aBcc:x@y.z", "mailto:else@example.com",
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(value: str) -> None:
    refused(value)


def test_it_can_be_said_once_only() -> None:
    assert "more than once" in refused(HOOK, HOOK)


def test_which_addresses_are_registered_is_not_said() -> None:
    assert "orders" not in refused("mailto:else@example.com")


def test_a_webhook_needs_a_secret_and_mail_an_address() -> None:
    assert "webhook_secrets" in refused(HOOK, client=POOR)
    assert "not registered" in refused("mailto:orders@example.com", client=POOR)


def test_mail_needs_a_server() -> None:
    assert "not set up" in refused("mailto:orders@example.com", settings=GatewaySettings())
