import pytest

from bff.policies.destination import Mail, NotAllowed, Webhook, check, destination_of, origins_of

PLAIN = "https://hooks.example.com/a/b?c=d%20e;f"


def test_a_url_is_taken_apart_and_kept_as_it_is() -> None:
    assert destination_of(PLAIN) == Webhook(PLAIN, "https", "hooks.example.com", 443)
    found = destination_of("HTTPS://Hooks.Example.com:8443")
    assert isinstance(found, Webhook)
    assert (found.host, found.port, found.origin) == ("hooks.example.com", 8443, "https://hooks.example.com:8443")


def test_an_address_of_ipv6_is_without_its_brackets_but_in_the_origin() -> None:
    found = destination_of("https://[2606:4700::1111]/x")
    assert isinstance(found, Webhook)
    assert (found.host, found.origin) == ("2606:4700::1111", "https://[2606:4700::1111]")


def test_mail_is_an_address_percent_encoded_or_not() -> None:
    assert destination_of("mailto:a%2Bb@example.com") == Mail("a+b@example.com")
    assert Mail("a+b@example.com").domain == "example.com"


@pytest.mark.parametrize(
    "uri",
    [
        "", "hooks.example.com", "ftp://a.example", "file:///etc/passwd", "gopher://a.example", "javascript:alert(1)",
        "data:,x", "https:/a.example", "https:a.example", "https://", "https:///path", "//a.example", "http://",
        "https://user@a.example", "https://user:pass@a.example", "https://@a.example", "https://a.example@127.0.0.1",
        "https://a.example\\@127.0.0.1", "https://a.example#@127.0.0.1", "https://a.example/#x", "https://a.example\\x",
        "https://a.example /", "https://a.exa\tmple", "https://a.example/\r\nHost: b", "https://a.example/ü",
        "https://ａ.example", "https://１２７.0.0.1", "https://a。example",  # noqa: RUF001
        "https://a.example.", "https://127.0.0.1.", "https://.a.example", "https://a_b.example", "https://%61.example",
        "https://a.example:", "https://a.example:0", "https://a.example:00443", "https://a.example:+443",
        "https://a.example:99999", "https://a.example:443x", "https://a.example:4４3",  # noqa: RUF001
        "https://[::1", "https://::1", "https://[::1%25eth0]", "https://[::1]x", "https://[fe80::1%eth0]",
        "mailto:", "mailto:?to=a@example.com", "mailto:a@example.com?bcc=b@example.com", "https://a.example/<x>",
        "https://a.example/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_plain_destination_is_refused(uri: str) -> None:
    with pytest.raises(NotAllowed):
        destination_of(uri)


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example", "http://a.example:8080", "https://a.example:25",
        "https://a.example:22", "https://a.example:80", "https://127.0.0.1",
        "https://10.0.0.1", "https://169.254.169.254/latest/meta-data", "https://100.64.0.1", "https://2130706433",
        "https://0x7f000001", "https://0177.0.0.1", "https://127.1", "https://0x7f.1", "https://0", "https://017700000001",
        "https://127.0.0.0x1", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://[::ffff:7f00:1]",
        "https://[64:ff9b::7f00:1]", "https://[2002:7f00:1::]", "https://[::127.0.0.1]", "https://[fd00::1]",
        "https://[::]", "https://224.0.0.1", "https://192.0.0.8", "https://1.2.3", "https://999.1.1.1",
        "https://[1:2]",
    ],
)  # fmt: skip
def test_what_can_be_seen_to_lead_elsewhere_is_refused_without_asking_anybody(url: str) -> None:
    found = destination_of(url)
    assert isinstance(found, Webhook)
    with pytest.raises(NotAllowed):
        check(found, ())


@pytest.mark.parametrize("url", [PLAIN, "https://a.example:8443", "https://8.8.8.8", "https://[2606:4700::1111]:1024"])
def test_what_may_be_public_is_let_through(url: str) -> None:
    found = destination_of(url)
    assert isinstance(found, Webhook)
    check(found, ())


@pytest.mark.parametrize(
    ("allowed", "url", "permitted"),
    [
        ("http://127.0.0.1:9999", "http://127.0.0.1:9999/x", True),
        ("http://127.0.0.1:9999/", "http://127.0.0.1:9999", True),
        ("http://127.0.0.1:9999", "http://127.0.0.1:9998", False),
        ("http://127.0.0.1:9999", "https://127.0.0.1:9999", False),
        ("http://127.0.0.1:9999", "http://127.0.0.10:9999", False),
        ("https://hooks.internal , http://a.internal", "http://A.internal:80/", True),
        ("https://hooks.internal", "https://hooks.internal.evil.example:25", False),
    ],
)
def test_an_origin_that_is_allowed_may_be_anything_and_no_other(allowed: str, url: str, permitted: bool) -> None:
    found = destination_of(url)
    assert isinstance(found, Webhook)
    if permitted:
        check(found, origins_of(allowed))
    else:
        with pytest.raises(NotAllowed):
            check(found, origins_of(allowed))


@pytest.mark.parametrize("text", ["hooks.internal", "https://a.example/path", "https://*.example", "*", "http://a b"])
def test_what_is_no_origin_cannot_be_allowed(text: str) -> None:
    with pytest.raises(NotAllowed):
        origins_of(text)
