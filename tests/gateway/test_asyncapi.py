"""/asyncapi.json is AsyncAPI 3.0, and what it shows is what it says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from gateway.schemas.asyncapi import document

pytestmark = pytest.mark.anyio

# Of the AsyncAPI initiative: https://github.com/asyncapi/spec-json-schemas, Apache-2.0.
ASYNCAPI = Draft7Validator(json.loads(Path(__file__).with_name("asyncapi-3.0.0.json").read_text()))


def messages(shown: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for channel in shown["channels"].values():
        yield from channel["messages"].items()


@pytest.fixture
async def shown(api: httpx.AsyncClient) -> dict[str, Any]:
    answer = await api.get("/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


async def test_the_document_is_asyncapi_3_0(shown: dict[str, Any]) -> None:
    assert [error.message for error in ASYNCAPI.iter_errors(shown)] == []


def test_one_that_is_not_would_be_noticed() -> None:
    broken = document("1")
    broken["operations"]["tell"]["action"] = "shout"
    assert list(ASYNCAPI.iter_errors(broken))


async def test_every_example_is_what_its_message_promises(shown: dict[str, Any]) -> None:
    for name, message in messages(shown):
        schema = {**message["payload"], "components": shown["components"]}
        for shown_one in message["examples"]:
            jsonschema.validate(shown_one["payload"], schema, Draft202012Validator)
        assert message["examples"], name


async def test_every_reference_leads_somewhere(shown: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(shown))
    assert found
    for reference in found:
        node = shown
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
