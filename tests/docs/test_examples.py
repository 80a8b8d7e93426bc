"""The five lines for each way to get the answer, and those of the client's own page, do what they say."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser
from standardwebhooks import WebhookVerificationError

from bff.catalog import operations
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import new_webhook_secret
from bff.catalog.services import SHIPPED_SERVICES
from tests.browser.conftest import browser
from tests.contract.calls import ECHO, HI
from tests.contract.stack import Up
from tests.docs.examples import blocks, commands, here, run, run_python
from tests.downstream.calls import a_server
from tests.downstream.server import Exchange
from workers.signature import signatures

__all__ = ["browser"]

WAYS = "Five lines for each way to get the answer"
YOURS = "Make it yours"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def python_with(word: str) -> str:
    (found,) = [block for block in blocks("README.md", "python", WAYS) if word in block]
    return found


@pytest.mark.parametrize("way", [0, 1, 2])
def test_each_command_shows_the_result(stack: Up, tmp_path: Path, way: int) -> None:
    submit, *ways = commands(WAYS)
    assert len(ways) == 3
    shown = run(f"{submit}; {ways[way]}", stack, tmp_path)
    job = shown.rpartition("data: ")[2].strip()
    assert json.loads(job)["result"] == {"echo": HI}


def test_the_websocket_shows_each_state(stack: Up, tmp_path: Path) -> None:
    with httpx.Client(base_url=stack.gateway_url, verify=False, trust_env=False) as api:
        tmp_path.joinpath("answer.json").write_bytes(api.post(ECHO, json=HI).content)
    *_, last = run_python(python_with("websockets"), stack, tmp_path).splitlines()
    assert last.split()[1] == "succeeded"


@pytest.mark.parametrize("block", [python_with("bff_client"), *blocks("client/README.md", "python")])
def test_the_python_client_shows_the_result(stack: Up, block: str) -> None:
    shown = run_python(block, stack)
    assert "hi" in shown or "ordered: " in shown


def test_the_page_of_the_client_has_its_examples() -> None:
    assert len(blocks("client/README.md", "python")) == 4


def test_what_a_webhook_brings_is_checked() -> None:
    secret, at = new_webhook_secret(), int(time.time())
    body = json.dumps({"type": "job.succeeded", "data": {"id": "01a2"}}).encode()
    signed = signatures([secret], "01a2", at, body)
    headers = {"webhook-id": "01a2", "webhook-timestamp": str(at), "webhook-signature": signed}
    example: dict[str, Any] = {}
    exec(python_with("standardwebhooks").replace("whsec_…", secret), example)
    assert example["on_webhook"](body, headers) == "01a2: job.succeeded"
    with pytest.raises(WebhookVerificationError):
        example["on_webhook"](body + b" ", headers)


@pytest.mark.anyio
async def test_an_operation_of_ones_own_is_served(tmp_path: Path) -> None:
    (code,), (table,) = blocks("README.md", "python", YOURS), blocks("README.md", "toml", YOURS)
    file = tmp_path / "services.toml"
    file.write_text(SHIPPED_SERVICES.read_text() + table)
    yours = dict(vars(operations))
    exec(code, yours)
    weather = load_catalog(file, operations=[*operations.OPERATIONS, yours["WEATHER"]]).operations["weather"]
    asked = weather.calls[0].build(weather.parameters.model_validate({"city": "São Paulo?&"}), {})

    async def script(exchange: Exchange) -> None:
        await exchange.answer(b'{"celsius": 7}')

    async with a_server(script) as (server, perform):
        assert (await perform(asked)).data == b'{"celsius": 7}'
    assert server.received[0].line == "GET /now?city=S%C3%A3o%20Paulo%3F%26 HTTP/1.1"


@pytest.mark.anyio
async def test_the_javascript_module_shows_the_result(stack: Up, browser: Browser) -> None:
    (code,) = blocks("README.md", "js", WAYS)
    code = here(code, stack).replace("import { Bff } from ", "const { Bff } = await import(").replace('.js";', '.js");')
    async with await browser.new_context() as context:
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        await page.goto(f"{stack.gateway_url}/docs")
        await page.evaluate(f"async () => {{ {code} }}")
    assert said[-2:] == ["succeeded", "{echo: Object}"]
