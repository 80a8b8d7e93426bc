import pytest

from gateway import body
from gateway.body import LIMIT_BYTES, PASSED_OVER_BYTES, body_of
from gateway.problems import Problem
from tests.gateway.requests import Arriving, request

pytestmark = pytest.mark.anyio

MEBIBYTE = b" " * LIMIT_BYTES


async def refused(arriving: Arriving, *headers: tuple[str, str]) -> Problem:
    with pytest.raises(Problem) as caught:
        await body_of(request(arriving, headers=headers))
    return caught.value


async def test_chunks_are_put_together() -> None:
    assert await body_of(request(Arriving(b'{"te', b'xt": ', b'"hi"}'))) == b'{"text": "hi"}'


async def test_a_body_is_counted_as_it_comes_whatever_was_declared() -> None:
    problem = await refused(Arriving(MEBIBYTE, b" "), ("Content-Length", "5"))
    assert problem.type.slug == "body-too-large"
    assert problem.headers["Connection"] == "close"


async def test_what_is_too_large_is_read_on_for_a_while_so_that_the_client_gets_to_read_the_answer() -> None:
    arriving = Arriving(*[MEBIBYTE] * 20)
    assert (await refused(arriving)).type.slug == "body-too-large"
    assert len(arriving.messages) == 20 - PASSED_OVER_BYTES // LIMIT_BYTES - 1


async def test_who_asks_first_is_told_before_sending_anything() -> None:
    arriving = Arriving(b" ")
    too_large = ("Content-Length", str(LIMIT_BYTES + 1))
    assert (await refused(arriving, too_large, ("Expect", "100-continue"))).type.slug == "body-too-large"
    assert arriving.messages


@pytest.mark.parametrize("length", ["", "²", "-1", "many", "9" * 5])
async def test_a_declared_length_that_is_no_number_decides_nothing(length: str) -> None:
    assert await body_of(request(Arriving(b"{}"), headers=[("Content-Length", length)])) == b"{}"


async def test_a_body_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.01)
    problem = await refused(Arriving(b'{"te', complete=False))
    assert problem.type.slug == "request-too-slow"
    assert problem.headers["Connection"] == "close"


async def test_a_client_that_hangs_up_in_the_middle_has_sent_nothing() -> None:
    arriving = Arriving(b'{"te', complete=False)
    arriving.hung_up.set()
    assert (await refused(arriving)).type.slug == "malformed-json"


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity", "identity; q=1", ""])
async def test_an_encoded_body_is_refused(encoding: str) -> None:
    assert (await refused(Arriving(b"{}"), ("Content-Encoding", encoding))).type.slug == "unsupported-media-type"


@pytest.mark.parametrize("encoding", ["identity", "Identity"])
async def test_a_body_as_it_is_is_taken(encoding: str) -> None:
    assert await body_of(request(Arriving(b"{}"), headers=[("Content-Encoding", encoding)])) == b"{}"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset*=utf-8''x",
        "a/b/c",
        ";",
        "application/json\udcff".encode("latin-1", "replace").decode(),
        "\xff",
    ],
)
async def test_a_media_type_that_is_none_is_refused(media_type: str) -> None:
    assert (await refused(Arriving(b"{}"), ("Content-Type", media_type))).type.slug == "unsupported-media-type"
