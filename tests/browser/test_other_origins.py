"""The JavaScript module in a page of another origin, with a key, as applications use it."""

from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.async_api import Page

from bff.catalog.clients import hash_of
from tests.client.front import Front, Kind, front_of
from tests.contract.calls import HI, Json
from tests.contract.stack import Gateway, Up, gateway

pytestmark = pytest.mark.anyio

CHANNELS = [Kind.WEBSOCKET, Kind.SSE, Kind.LONG_POLL, Kind.POLL]
ALICE = f"bff_{'a' * 43}"


class Application(BaseHTTPRequestHandler):
    """Somebody's page, which the gateway knows nothing of but its origin."""

    def do_GET(self) -> None:
        page = b"<!doctype html><title>An application</title>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module")
def guarded(stack: Up, application: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks for keys and lets in pages of the application, over the worker of the stack."""
    clients = tmp_path_factory.mktemp("clients") / "clients.toml"
    clients.write_text(f'[clients.alice]\nkey_hashes = ["{hash_of(ALICE)}"]\n')
    with gateway(stack.redis_url, "--auth", f"--clients={clients}", f"--allowed-origins={application}") as started:
        yield started


@pytest.fixture
async def front(guarded: Gateway) -> AsyncIterator[Front]:
    async with front_of(guarded.url) as front:
        yield front


async def run(page: Page, front: Front, key: str | None, channels: list[Kind]) -> Json:
    found: Json = await page.evaluate(
        """async ([url, key, parameters, channels]) => {
          const { Bff } = await import(`${url}/static/client.js`);
          const ran = new Bff({ key }).run("echo", parameters, { timeout: 20, channels });
          return await ran.catch((error) => ({ status: error.name }));
        }""",
        [front.url, key, HI, channels],
    )
    return found


@pytest.mark.parametrize("channel", CHANNELS)
async def test_the_key_opens_every_channel(page: Page, front: Front, application: str, channel: Kind) -> None:
    await page.goto(application)
    job = await run(page, front, ALICE, [channel])
    assert (job["status"], job["result"]) == ("succeeded", {"echo": HI})
    assert {kind for kind in CHANNELS if front.seen[kind]} == {channel}


async def test_without_a_key_it_is_said_that_there_is_none(page: Page, front: Front, application: str) -> None:
    await page.goto(application)
    assert (await run(page, front, None, CHANNELS))["status"] == "Unauthorized"


async def test_a_page_that_is_not_listed_gets_nothing(page: Page, front: Front, application: str) -> None:
    """Not even the module."""
    await page.goto(application.replace("127.0.0.1", "localhost"))
    with pytest.raises(Exception, match="Failed to fetch dynamically imported module"):
        await run(page, front, ALICE, CHANNELS)
    assert sum(front.seen[kind] for kind in [*CHANNELS, Kind.SUBMIT]) == 0
