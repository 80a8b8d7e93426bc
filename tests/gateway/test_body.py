import json

import pytest

from bff.catalog.operations import Checkout
from gateway import body
from gateway.body import LIMIT_BYTES, PASSED_OVER_BYTES, WHOLE, body_of, read_as
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


async def test_what_has_come_in_already_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0)
    arrived = request(Arriving(b"{}"))
    arrived.scope[WHOLE] = True
    assert await body_of(arrived) == b"{}"


def checkout(amount: str, quantity: str = "1") -> bytes:
    return f'{{"cart_id": "c1", "amount_cents": {amount}, "items": [{{"sku": "A", "quantity": {quantity}}}]}}'.encode()


@pytest.mark.parametrize(("written", "read"), [("3", 3), ("3.0", 3), ("3e0", 3), ("0.3e1", 3)])
def test_a_whole_number_is_one_however_it_is_written(written: str, read: int) -> None:
    parameters = read_as(Checkout, checkout(written, quantity=written))
    assert (parameters.amount_cents, parameters.items[0].quantity) == (read, read)


def test_of_as_many_whole_numbers_as_an_operation_takes_each_is_one() -> None:
    document = json.loads(checkout("3.0"))
    items = [{"sku": "A", "quantity": 2.0}] * 100
    parameters = read_as(Checkout, json.dumps(document | {"items": items}).encode())
    assert {item.quantity for item in parameters.items} == {2}


@pytest.mark.parametrize("written", ["3.5", '"3"', "true", "null", "1e999", "-0.0", "1e30"])
def test_what_is_none_is_refused_where_it_stands(written: str) -> None:
    with pytest.raises(Problem) as caught:
        read_as(Checkout, checkout(written, quantity="2.0"))
    assert [each["pointer"] for each in caught.value.members["errors"]] == ["/amount_cents"]


def test_one_that_is_whole_does_not_hide_what_else_is_wrong() -> None:
    document = json.loads(checkout("3.0", quantity="0.0"))
    with pytest.raises(Problem) as caught:
        read_as(Checkout, json.dumps(document | {"note": 1}).encode())
    pointers = {each["pointer"] for each in caught.value.members["errors"]}
    assert pointers >= {"/items/0/quantity", "/note"}
    assert "/amount_cents" not in pointers
