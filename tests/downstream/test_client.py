import json
import math

import pytest

from bff.catalog.model import Request
from bff.downstream.outcome import Outcome, Reason, Verdict
from bff.trace.context import TraceContext
from tests.downstream.calls import CHARGE, a_server, calling, outcome_of
from tests.downstream.server import Exchange, Script, serving

pytestmark = pytest.mark.anyio


def answering(body: bytes, status: str = "200 OK", *headers: str) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(body, status, *headers)

    return script


async def test_an_answer_comes_back_byte_for_byte() -> None:
    outcome = await outcome_of(answering(b' {"paid":  true}\n'))
    assert (outcome.verdict, outcome.http_status) == (Verdict.SUCCEEDED, 200)
    assert outcome.data == b' {"paid":  true}\n'
    assert outcome.reason is None
    assert outcome.milliseconds >= 0


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 Whatever"])
async def test_every_2xx_is_a_success(status: str) -> None:
    outcome = await outcome_of(answering(b"{}", status))
    assert (outcome.verdict, outcome.http_status) == (Verdict.SUCCEEDED, int(status[:3]))


@pytest.mark.parametrize("answer", [b"204 No Content\r\n\r\n", b"200 OK\r\nContent-Length: 0\r\n\r\n"])
async def test_a_success_without_a_body_has_null_as_its_data(answer: bytes) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 " + answer)

    outcome = await outcome_of(script)
    assert (outcome.verdict, outcome.data) == (Verdict.SUCCEEDED, b"null")


async def test_a_chunked_answer_is_put_together() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n2\r\n,2\r\n")
        await exchange.send(b"1\r\n]\r\n0\r\n\r\n")

    assert (await outcome_of(script)).data == b"[1,2]"


async def test_an_answer_larger_than_what_is_held_unread_is_read_to_its_end() -> None:
    body = b'"' + b"a" * 1_000_000 + b'"'
    assert (await outcome_of(answering(body))).data == body


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n[1,")
        await exchange.send(b"2]")
        exchange.close()

    assert (await outcome_of(script)).data == b"[1,2]"


async def test_an_interim_answer_is_passed_over() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await exchange.answer(b"1")

    assert (await outcome_of(script)).data == b"1"


async def test_what_an_interim_answer_says_of_its_length_is_not_said_of_the_one_behind_it() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n")
        await exchange.send(b"HTTP/1.1 200 OK\r\n\r\n1")
        exchange.close()

    assert (await outcome_of(script)).data == b"1"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("400 Bad Request", Verdict.REFUSED),
        ("404 Not Found", Verdict.REFUSED),
        ("422 Unprocessable", Verdict.REFUSED),
        ("501 Not Implemented", Verdict.REFUSED),
        ("429 Too Many Requests", Verdict.PUSHED_BACK),
        ("503 Service Unavailable", Verdict.PUSHED_BACK),
        ("500 Internal Server Error", Verdict.UNKNOWN),
        ("502 Bad Gateway", Verdict.UNKNOWN),
    ],
)
async def test_any_other_status_decides_alone(status: str, verdict: Verdict) -> None:
    outcome = await outcome_of(answering(b"<p>sorry", status))
    assert (outcome.verdict, outcome.http_status) == (verdict, int(status[:3]))
    assert (outcome.reason, outcome.data) == (Reason.HTTP_STATUS, None)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [("2", 2_000), ("Sun, 06 Nov 1994 08:49:40 GMT", 3_000), ("86400", 3_600_000), ("later", None), ("-3", None)],
)
async def test_a_service_that_pushes_back_says_when_to_come_again(
    status: str, value: str, milliseconds: int | None
) -> None:
    script = answering(b"", status, f"Retry-After: {value}", "Date: Sun, 06 Nov 1994 08:49:37 GMT")
    assert (await outcome_of(script)).retry_after_ms == milliseconds


async def test_retry_after_means_nothing_on_any_other_status() -> None:
    assert (await outcome_of(answering(b"1", "200 OK", "Retry-After: 2"))).retry_after_ms is None
    assert (await outcome_of(answering(b"", "404 Not Found", "Retry-After: 2"))).retry_after_ms is None


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_redirect_is_a_refusal_and_never_followed(status: str, method: str) -> None:
    async with serving(answering(b"1")) as elsewhere:
        script = answering(b"", status, f"Location: {elsewhere.url}/latest/meta-data")
        outcome = await outcome_of(script, Request(method, "/charge"))
    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, Reason.HTTP_STATUS)
    assert elsewhere.connections == 0


async def test_a_post_sends_its_body_and_these_headers_and_no_others() -> None:
    async with serving(answering(b"1")) as server, calling(f"{server.url}/v2/") as perform:
        trace = TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=1")
        await perform(Request("POST", "/charge?dry=1", {"name": "Zoë", "cents": 5}), timeout_seconds=2.5, trace=trace)
    (received,) = server.received
    assert received.line == "POST /v2/charge?dry=1 HTTP/1.1"
    assert json.loads(received.body) == {"name": "Zoë", "cents": 5}
    assert received.headers == {
        "Host": f"127.0.0.1:{server.port}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "async-bff-gateway",
        "Content-Type": "application/json",
        "Content-Length": str(len(received.body)),
        "Idempotency-Key": "0193:charge",
        "Request-Timeout": "2.500",
        **trace.headers,
    }


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", "0")])
async def test_a_call_without_a_body_has_no_content_type(method: str, length: str | None) -> None:
    async with a_server(answering(b"1")) as (server, perform):
        await perform(Request(method, "/balance"))
    (received,) = server.received
    assert (received.headers.get("Content-Type"), received.headers.get("Content-Length")) == (None, length)


async def test_the_service_is_told_the_shorter_of_its_own_timeout_and_what_the_job_has_left() -> None:
    async with a_server(answering(b"1"), timeout_seconds=3) as (server, perform):
        for remaining in (60, 0.75):
            await perform(timeout_seconds=remaining)
    assert [received.headers["Request-Timeout"] for received in server.received] == ["3.000", "0.750"]


async def test_cookies_are_not_kept() -> None:
    setting = answering(b"1", "200 OK", "Set-Cookie: session=1; Path=/")
    # A name, since cookie jars ignore bare addresses.
    async with serving(setting) as server, calling(f"http://localhost:{server.port}") as perform:
        await perform()
        await perform()
    assert [received.headers.get("Cookie") for received in server.received] == [None, None]


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await outcome_of(answering(b"1"))).verdict is Verdict.SUCCEEDED


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "503 Service Unavailable"])
async def test_one_connection_serves_call_after_call(status: str) -> None:
    async with a_server(answering(b"1", status)) as (server, perform):
        for _ in range(20):
            await perform()
    assert (len(server.received), server.connections) == (20, 1)


NOT_BUILT = Outcome(Verdict.REFUSED, 0, reason=Reason.BAD_REQUEST)


@pytest.mark.parametrize(
    "path",
    [
        *("", "charge", "/a b", "/a\r\nX: y", "/é", "/a#b", "/a\\b", "/a\n", "http://127.0.0.1/"),
        *("/..", "/a/../b", "/a/./b", "/a/%2e%2E/b", "/a/.%2e?b", "/a/..", "/" + "a" * 70_000),
    ],
)
async def test_a_path_that_could_leave_the_service_is_not_sent(path: str) -> None:
    async with a_server(answering(b"1")) as (server, perform):
        assert await perform(Request("GET", path)) == NOT_BUILT
    assert server.connections == 0


async def test_what_cannot_be_sent_is_logged_with_what_would_be(caplog: pytest.LogCaptureFixture) -> None:
    async with a_server(answering(b"1")) as (_, perform):
        await perform(Request("GET", "/now?city=São Paulo"))
    (line,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert "a path starts with / and is percent-encoded" in line
    assert "Paulo" not in line


@pytest.mark.parametrize("path", ["/", "/..a/b..", "/a/...", "/a?next=/../b", "/users/%C3%A9;v=1/@me?q=a%20b&c=(1)"])
async def test_a_path_arrives_as_it_was_built(path: str) -> None:
    async with a_server(answering(b"1")) as (server, perform):
        await perform(Request("GET", path))
    assert server.received[0].line == f"GET {path} HTTP/1.1"


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", object(), {1, 2}])
async def test_a_body_that_is_no_json_is_not_sent(value: object) -> None:
    assert await outcome_of(answering(b"1"), Request("POST", "/charge", {"value": value})) == NOT_BUILT


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nb", "é"])
async def test_a_header_that_could_start_another_is_not_sent(value: str) -> None:
    async with a_server(answering(b"1")) as (server, perform):
        for outcome in (await perform(CHARGE, trace=TraceContext("", value)), await perform(idempotency_key=value)):
            assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, Reason.BAD_REQUEST)
    assert server.received == []


async def test_a_method_that_is_none_is_not_sent() -> None:
    outcome = await outcome_of(answering(b"1"), Request("GE T", "/"))
    assert (outcome.verdict, outcome.reason) == (Verdict.REFUSED, Reason.BAD_REQUEST)
