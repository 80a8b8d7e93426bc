import pytest

from loadtest.client.target import NotATarget, Target, checked_url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:8000/", "https://[::1]:8443", "http://127.9.9.9"]
)
def test_this_machine_may_be_loaded(url: str) -> None:
    assert checked_url(url, may_be_remote=False) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "https://example.org/", "http://localhost.example.org", "http://0.0.0.0"]
)
def test_another_only_where_that_is_said(url: str) -> None:
    with pytest.raises(NotATarget, match="is not this machine: only load what is yours to load"):
        checked_url(url, may_be_remote=False)
    assert checked_url(url, may_be_remote=True) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1/?a=b", "http://127.0.0.1:x"]
)
def test_what_is_no_url_of_a_gateway_is_refused(url: str) -> None:
    with pytest.raises(NotATarget, match="is no URL of a gateway"):
        checked_url(url, may_be_remote=True)


def test_keys_are_taken_in_turn() -> None:
    target = Target.of("http://127.0.0.1", ("a", "b"))
    assert [target.headers(number)["Authorization"] for number in range(3)] == ["Bearer a", "Bearer b", "Bearer a"]
    assert Target.of("http://127.0.0.1").headers(0) == {}


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Evil: 1", "ä"])
def test_a_key_that_is_no_header_is_refused(key: str) -> None:
    with pytest.raises(NotATarget, match="is no key"):
        Target.of("http://127.0.0.1", (key,))
