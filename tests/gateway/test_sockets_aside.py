"""WebSockets go past the routes, and the port of metrics answers nothing else: what each layer lets by."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from gateway.apart import MetricsApart
from gateway.app import Application
from gateway.push.messages import SUBPROTOCOL, WEBSOCKET_PATH
from gateway.push.websocket import SocketsAside
from tests.gateway.requests import Arriving

pytestmark = pytest.mark.anyio

METRICS_PORT = 9100


class Inner:
    """What a layer is around; notes what comes by."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["type"])


class Opening(Arriving):
    """A client that opens a WebSocket, says this, and then leaves."""

    def __init__(self, *says: str) -> None:
        super().__init__()
        received = [{"type": "websocket.receive", "text": text} for text in says]
        self.messages = [{"type": "websocket.connect"}, *received, {"type": "websocket.disconnect", "code": 1001}]
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)


def a_scope(type_: str = "websocket", path: str = WEBSOCKET_PATH, **more: Any) -> Scope:
    return {
        "type": type_,
        "path": path,
        "method": "GET",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"gateway")],
        "subprotocols": [SUBPROTOCOL],
        "server": ("gateway", 80),
        **more,
    }


@pytest.mark.parametrize(
    ("type_", "path"),
    [
        ("http", WEBSOCKET_PATH),
        ("websocket", WEBSOCKET_PATH + "/"),
        ("websocket", "/"),
        ("websocket", "/v1/jobs/x/events"),
        ("lifespan", ""),
    ],
)
async def test_anything_but_a_websocket_at_its_address_goes_the_usual_way(type_: str, path: str) -> None:
    inner, client = Inner(), Opening()
    await SocketsAside(inner)(a_scope(type_, path), client.receive, client.send)
    assert inner.asked == [type_]
    assert client.sent == []


async def test_a_websocket_at_its_address_goes_past_the_routes(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(app.router), "__call__", None)
    client = Opening('{"type":"ping"}')
    await app(a_scope(), client.receive, client.send)
    [accepted] = client.sent[:1]
    assert (accepted["type"], accepted["subprotocol"]) == ("websocket.accept", SUBPROTOCOL)
    assert [name for name, _ in accepted["headers"]] == [b"x-correlation-id"]
    assert len(app.gateway.waiters) == 0


async def test_what_a_browser_sent_is_not_kept_while_a_socket_is_open(app: Application) -> None:
    scope, client = a_scope(), Opening()
    await app(scope, client.receive, client.send)
    assert scope["headers"] == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"subprotocols": []}, 4406),
        ({"subprotocols": ["other"]}, 4406),
        ({"headers": [(b"host", b"gateway"), (b"origin", b"https://other.example")]}, 4403),
        ({"query_string": b"Ticket=x"}, 4401),
    ],
)
async def test_one_that_may_not_is_accepted_and_closed_with_its_reason(
    app: Application, more: dict[str, Any], code: int
) -> None:
    client = Opening('{"type":"ping"}')
    await app(a_scope(**more), client.receive, client.send)
    assert [message["type"] for message in client.sent] == ["websocket.accept", "websocket.close"]
    assert client.sent[1]["code"] == code
    assert client.sent[1]["reason"]


async def test_where_there_is_none_it_is_refused_before_it_is_open(app: Application) -> None:
    client = Opening()
    await app(a_scope(path="/v1/other"), client.receive, client.send)
    assert [message["type"] for message in client.sent] == ["websocket.close"]


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
async def test_the_port_of_metrics_answers_what_is_there_for_machines(path: str) -> None:
    inner, client = Inner(), Opening()
    here = a_scope("http", path, server=("gateway", METRICS_PORT))
    await MetricsApart(inner, METRICS_PORT)(here, client.receive, client.send)
    assert inner.asked == ["http"]


@pytest.mark.parametrize(
    ("path", "port"),
    [
        ("/metrics", 80),
        ("/", METRICS_PORT),
        ("/metrics/", METRICS_PORT),
        ("/v1/jobs", METRICS_PORT),
        (WEBSOCKET_PATH, METRICS_PORT),
    ],
)
async def test_nothing_else_is_there_and_they_are_nowhere_else(path: str, port: int) -> None:
    inner, client = Inner(), Opening()
    scope = a_scope("http", path, server=("gateway", port), correlation_id="its own")
    await MetricsApart(inner, METRICS_PORT)(scope, client.receive, client.send)
    assert inner.asked == []
    assert client.sent[0]["status"] == 404
    assert b"/problems/not-found" in client.sent[1]["body"]


async def test_no_websocket_is_on_the_port_of_metrics() -> None:
    inner, client = Inner(), Opening()
    layer = MetricsApart(inner, METRICS_PORT)
    await layer(a_scope(server=("gateway", METRICS_PORT)), client.receive, client.send)
    assert inner.asked == []
    assert [message["type"] for message in client.sent] == ["websocket.close"]
    await layer(a_scope(), client.receive, client.send)
    await layer({"type": "lifespan"}, client.receive, client.send)
    assert inner.asked == ["websocket", "lifespan"]
