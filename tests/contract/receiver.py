"""Somebody's web server that gets webhooks: answers as it is told, and keeps what it got, verified."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Delivery:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The event. Raises WebhookVerificationError."""
        Webhook(secret).verify(self.body, self.headers)
        return json.loads(self.body)


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Answer:
    """An answer without a body. Header names with `_` for `-`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


class Receiver:
    """Answers these in turn, the last one again and again."""

    def __init__(self, answers: Sequence[Answer], tls: ssl.SSLContext | None, host: str, port: int) -> None:
        self.deliveries: Queue[Delivery] = Queue()
        self.answers = list(answers)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.deliveries.put(Delivery(self.path, headers, body))
                answers = receiver.answers
                (answers.pop(0) if len(answers) > 1 else answers[0])(self)

            def do_GET(self) -> None:
                receiver.deliveries.put(Delivery(self.path, {}, b""))
                status(200)(self)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """Whoever was answered has hung up."""

        self.server = Server((host, port), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.origin = f"{scheme}://{host}:{self.port}"

    def next(self, timeout_seconds: float = 20) -> Delivery:
        return self.deliveries.get(timeout=timeout_seconds)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])


@contextmanager
def receiver(
    *answers: Answer, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> Iterator[Receiver]:
    made = Receiver(answers or [status(204)], tls, host, port)
    serving = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        serving.join()
        made.server.server_close()
