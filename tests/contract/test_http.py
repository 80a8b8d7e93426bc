"""HTTP itself: methods, paths, and what no client library would send. Every error is a problem."""

import asyncio
from contextlib import suppress

import httpx
import pytest

from tests.contract.calls import ECHO, MEBIBYTE, problem_of, submitted
from tests.contract.stack import Up
from tests.contract.wire import answer_in, connection, exchange, read_all, request

pytestmark = pytest.mark.anyio

BODY = b'{"text": "hi"}'


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", ECHO, {"POST"}),
        ("DELETE", ECHO, {"POST"}),
        ("POST", "/v1/jobs", {"GET", "HEAD"}),
        ("PUT", "/v1/jobs/x", {"GET", "HEAD", "DELETE"}),
        ("OPTIONS", "/v1/jobs/x", {"GET", "HEAD", "DELETE"}),
        ("POST", "/v1/jobs/x/result", {"GET", "HEAD"}),
        ("POST", "/livez", {"GET", "HEAD"}),
        ("PATCH", "/metrics", {"GET", "HEAD"}),
        ("POST", "/openapi.json", {"GET", "HEAD"}),
        ("POST", "/docs", {"GET", "HEAD"}),
        ("POST", "/static/page.css", {"GET", "HEAD"}),
        ("TRACE", "/problems/queue-full", {"GET", "HEAD"}),
    ],
)
async def test_a_method_that_is_not_allowed_is_told_which_are(
    api: httpx.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    answer = await api.request(method, path)
    problem = problem_of(answer, 405, "method-not-allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed
    assert answer.headers["allow"] in problem["detail"]


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems/queue-full", "/static/page.css"]
)
async def test_head_is_get_without_a_body(api: httpx.AsyncClient, path: str) -> None:
    head, get = await api.head(path), await api.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_head_of_a_job_has_its_etag(api: httpx.AsyncClient) -> None:
    job = await submitted(api)
    head = await api.head(f"/v1/jobs/{job['id']}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"]
    assert (await api.head("/v1/jobs/x")).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v1", "/v1/", "/livez/", "/v1/jobs/", "/docs/", "/static/", "/static/../app.py",
     "/static/%00", "/static/%2e%2e/app.py", "/static/" + "x" * 300, "/problems/nothing", "/" + "x" * 8_000, "/%ff",
     "/é"],
    ids=lambda path: path[:30],
)  # fmt: skip
async def test_there_is_nothing_elsewhere(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    problem_of(answer, 404, "not-found")
    assert "location" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "[::", "a b", ""])
def test_the_host_that_a_client_names_changes_nothing(stack: Up, host: str) -> None:
    for path in ("/nothing", "/livez/", "//evil.example/"):
        answer = exchange(stack.gateway_url, request("GET", path).replace(b"gateway", host.encode()))
        problem = problem_of(answer.as_response(), 404, "not-found")
        assert problem["instance"] == path
        assert "location" not in answer.headers


MALFORMED = {
    "no HTTP": b"GARBAGE\r\n\r\n",
    "another version": b"GET /livez HTTP/9.9\r\nHost: a\r\n\r\n",
    "an unknown method": b"BREW /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the path": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes in the query": b"GET /v1/jobs/x?\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in a header's name": request("GET", "/livez", "X A: b"),
    "a bare CR in a header": request("GET", "/livez", "X-A: b\rX-B: c"),
    "NUL in a header": request("GET", "/livez", "X-A: \0"),
    "two lengths": request("POST", ECHO, "Content-Length: 14", "Content-Length: 15", body=BODY),
    "a negative length": request("POST", ECHO, "Content-Length: -1"),
    "a length with a sign": request("POST", ECHO, "Content-Length: +14", body=BODY),
    "a length beyond all numbers": request("POST", ECHO, "Content-Length: " + "9" * 30),
    "chunks and a length": request(
        "POST", ECHO, "Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n"
    ),
    "chunks twice": request("POST", ECHO, "Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunks that are not last": request("POST", ECHO, "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_refused_and_the_connection_closed(stack: Up, sent: bytes) -> None:
    answer = exchange(stack.gateway_url, sent)
    problem_of(answer.as_response(), 400, "malformed-request")
    assert answer.headers["connection"] == "close"
    assert answer.rest == b""


def test_a_chunk_without_a_size_ends_the_request(stack: Up) -> None:
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    answer = exchange(stack.gateway_url, request("POST", ECHO, *lines, body=b"zz\r\nhi\r\n0\r\n\r\n"))
    problem_of(answer.as_response(), 400, "malformed-request")
    assert answer.rest == b""


@pytest.mark.parametrize("lines", [["X-A: " + "a" * 2 * MEBIBYTE], ["X-A: b"] * 300_000], ids=["one", "many"])
def test_headers_without_an_end_are_refused(stack: Up, lines: list[str]) -> None:
    with connection(stack.gateway_url) as wire:
        with suppress(OSError):  # it is not read to its end
            wire.sendall(request("GET", "/livez", *lines)[:-2])
        answer = answer_in(wire.recv(65_536))
    problem_of(answer.as_response(), 431, "head-too-large")


def test_a_body_that_is_too_large_is_answered_before_and_after_it_was_sent(stack: Up) -> None:
    declared = ("Content-Type: application/json", f"Content-Length: {2 * MEBIBYTE}")
    for body in (b"", b" " * 2 * MEBIBYTE):
        with connection(stack.gateway_url) as wire:
            wire.sendall(request("POST", ECHO, *declared, *([] if body else ["Expect: 100-continue"]), body=body))
            answer = answer_in(read_all(wire))
        problem_of(answer.as_response(), 413, "body-too-large")


def test_requests_that_are_pipelined_are_answered_in_order(stack: Up) -> None:
    first = request("GET", "/nothing").replace(b"Connection: close\r\n", b"")
    answer = exchange(stack.gateway_url, first + request("GET", "/livez"))
    assert answer.status == 404
    assert answer_in(answer.rest).status == 200


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_a_wish_to_speak_another_protocol_is_passed_over(stack: Up, protocol: str) -> None:
    lines = [f"Upgrade: {protocol}", "Connection: Upgrade"]
    sent = request("GET", "/livez", *lines).replace(b"Connection: close\r\n", b"")
    answer = exchange(stack.gateway_url, sent)
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


async def test_a_client_that_hangs_up_disturbs_nobody(api: httpx.AsyncClient, stack: Up) -> None:
    job = await submitted(api)
    for sent in (
        request("GET", f"/v1/jobs/{job['id']}", "Prefer: wait=20"),
        request("POST", ECHO, "Content-Type: application/json", "Content-Length: 14", body=b'{"te'),
        request("POST", ECHO, "Content-Type: application/json", "Prefer: wait=20", "Content-Length: 14", body=BODY),
        b"GET /li",
    ):
        with connection(stack.gateway_url) as wire:
            wire.sendall(sent)
    answers = await asyncio.gather(*(api.get("/livez") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
