"""What may stand in a body: everything is validated in full before anything is accepted."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.contract.calls import CART, CHECKOUT, ECHO, HI, MEBIBYTE, Json, problem_of

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


async def post(api: httpx.AsyncClient, body: bytes, path: str = ECHO, **headers: str) -> httpx.Response:
    return await api.post(path, content=body, headers={**JSON, **headers})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"hi",
        b'{"text": "hi"',
        b'{"text": "hi",}',
        b'{"text": "hi"} {}',
        b"{'text': 'hi'}",
        b'{text: "hi"}',
        b'{"text": NaN}',
        b'{"text": Infinity}',
        b'{"text": -Infinity}',
        b'{"text": "hi", "more": [NaN]}',
        b'{"text": 01}',
        b'{"text": "\\ud800"}',
        b'{"text": "\\udc00\\ud800"}',
        b'{"text": "\xff"}',
        b'{"text": "\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"text": "hi"}',
        '{"text": "hi"}'.encode("utf-16"),
        b'{"text": "a\nb"}',
        b'{"text": "\\x"}',
        b"\x00",
        b"[" * 100_000,
        b'{"text":' * 10_000,
        b'{"text": 1' + b"0" * 5_000 + b"}",
    ],
    ids=lambda body: repr(body[:40]),
)
async def test_what_is_no_json_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    problem_of(await post(api, body), 400, "malformed-json")


@pytest.mark.parametrize(
    "text",
    ["\u0000", "é", "😀", "\u2028", '"\\', "a" * 10_000, "😀" * 10_000, "</script>", "%s {0} $1"],
    ids=lambda t: repr(t[:9]),
)
async def test_every_text_comes_back_as_it_was(api: httpx.AsyncClient, mock: object, text: str) -> None:
    answer = await api.post(ECHO, json={"text": text}, headers={"Prefer": "wait=20"})
    assert answer.json()["result"] == {"echo": {"text": text}}


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        (ECHO, {}, ["/text"]),
        (ECHO, {"text": ""}, ["/text"]),
        (ECHO, {"text": "a" * 10_001}, ["/text"]),
        (ECHO, {"text": 5}, ["/text"]),
        (ECHO, {"text": None}, ["/text"]),
        (ECHO, {"text": "hi", "more": 1}, ["/more"]),
        (ECHO, {"text": "hi", "a/b~c": 1}, ["/a~1b~0c"]),
        (ECHO, {"text": "hi", "": 1}, ["/"]),
        (ECHO, [], [""]),
        (ECHO, None, [""]),
        (ECHO, "hi", [""]),
        (CHECKOUT, CART | {"amount_cents": "1999"}, ["/amount_cents"]),
        (CHECKOUT, CART | {"amount_cents": 19.99}, ["/amount_cents"]),
        (CHECKOUT, CART | {"amount_cents": True}, ["/amount_cents"]),
        (CHECKOUT, CART | {"amount_cents": 10**30}, ["/amount_cents"]),
        (CHECKOUT, CART | {"items": []}, ["/items"]),
        (CHECKOUT, CART | {"items": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 0}]}, ["/items/1/quantity"]),
        (
            CHECKOUT,
            {"cart_id": "", "amount_cents": 0, "items": [{"sku": "A", "quantity": 1}, {"sku": "B"}]},
            ["/cart_id", "/amount_cents", "/items/1/quantity"],
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_wrong_parameters_are_pointed_at(
    api: httpx.AsyncClient, path: str, body: object, pointers: list[str]
) -> None:
    problem = problem_of(await post(api, json.dumps(body).encode(), path), 422, "invalid-parameters")
    assert [error["pointer"] for error in problem["errors"]] == pointers
    assert all(error["detail"] for error in problem["errors"])


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "application/vnd.api+json", "json", "",
     "application/json; charset=latin-1", "multipart/form-data; boundary=x", "application/jsonp", "é"],
)  # fmt: skip
async def test_what_is_not_declared_as_json_is_refused(api: httpx.AsyncClient, media_type: str) -> None:
    headers = [(b"Content-Type", media_type.encode("latin-1"))]
    problem = problem_of(await api.post(ECHO, content=json.dumps(HI), headers=headers), 415, "unsupported-media-type")
    assert "application/json" in problem["detail"]


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        "Application/JSON",
        "application/json; v=1",
    ],
)
async def test_json_may_be_declared_in_every_form(api: httpx.AsyncClient, media_type: str) -> None:
    answer = await api.post(ECHO, content=json.dumps(HI), headers={"Content-Type": media_type})
    assert answer.status_code == 202


async def test_a_compressed_body_is_refused(api: httpx.AsyncClient) -> None:
    problem_of(await post(api, b"\x1f\x8b", **{"Content-Encoding": "gzip"}), 415, "unsupported-media-type")


def padded(length: int) -> bytes:
    return json.dumps(HI).encode().ljust(length)


async def by_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 60_000):
        yield body[start : start + 60_000]


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_just_the_limit_is_taken_and_one_over_it_refused(api: httpx.AsyncClient, chunked: bool) -> None:
    def content(length: int) -> bytes | AsyncIterator[bytes]:
        return by_chunks(padded(length)) if chunked else padded(length)

    assert (await api.post(ECHO, content=content(MEBIBYTE), headers=JSON)).status_code == 202
    problem = problem_of(await api.post(ECHO, content=content(MEBIBYTE + 1), headers=JSON), 413, "body-too-large")
    assert str(MEBIBYTE) in problem["detail"]


async def test_nothing_that_was_refused_reached_the_downstream(api: httpx.AsyncClient, mock: httpx.AsyncClient) -> None:
    refused: list[Json | bytes] = [b"{", b'{"text": ""}', b'{"text": NaN}']
    for body in refused:
        assert isinstance(body, bytes)
        assert (await post(api, body)).status_code in (400, 422)
    assert (await post(api, json.dumps(HI).encode(), Prefer="wait=20")).status_code == 200
    assert (await mock.get("/_control/echo")).json()["counters"]["calls"] == 1
