"""The description that clients are generated from."""

from typing import Any

import httpx
import pytest

from tests.contract.calls import Json

pytestmark = pytest.mark.anyio


@pytest.fixture
async def document(api: httpx.AsyncClient) -> Json:
    answer = await api.get("/openapi.json")
    assert answer.status_code == 200
    described: Json = answer.json()
    return described


def resolved(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


@pytest.mark.parametrize(
    ("operation", "parameters"), [("echo", {"text"}), ("checkout", {"cart_id", "amount_cents", "items"})]
)
async def test_every_operation_has_its_own_typed_body(document: Json, operation: str, parameters: set[str]) -> None:
    post = document["paths"][f"/v1/operations/{operation}"]["post"]
    content = post["requestBody"]["content"]["application/json"]
    schema = resolved(document, content["schema"])
    assert set(schema["properties"]) == set(schema["required"]) == parameters
    assert schema["additionalProperties"] is False
    assert set(content["example"]) == parameters


async def test_every_answer_that_is_a_job_is_typed_as_one(document: Json) -> None:
    for path, method, status in [
        ("/v1/operations/echo", "post", "202"),
        ("/v1/operations/echo", "post", "200"),
        ("/v1/jobs/{job_id}", "get", "200"),
        ("/v1/jobs/{job_id}", "delete", "200"),
        ("/v1/jobs/{job_id}", "delete", "202"),
        ("/v1/jobs/{job_id}/result", "get", "202"),
    ]:
        answer = document["paths"][path][method]["responses"][status]
        schema = resolved(document, answer["content"]["application/json"]["schema"])
        assert {"id", "status", "calls", "links"} <= set(schema["properties"]), (path, method, status)


async def test_every_header_that_steers_is_described(document: Json) -> None:
    post = document["paths"]["/v1/operations/echo"]["post"]
    described = {parameter["name"].lower() for parameter in post["parameters"] if parameter["in"] == "header"}
    steering = {"prefer", "idempotency-key", "request-priority", "request-timeout"}
    assert described >= steering | {"traceparent", "tracestate"}


async def test_every_problem_is_described_and_has_its_page(api: httpx.AsyncClient, document: Json) -> None:
    types = document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"]
    assert {"/problems/queue-full", "/problems/shedding", "/problems/idempotency-key-reused"} <= set(types)
    for type_ in types:
        page = await api.get(type_)
        assert page.status_code == 200, type_
        assert page.headers["content-type"].startswith("text/html")
        assert "What it means" in page.text
        assert "What to do" in page.text
        assert '<html lang="en">' in page.text
    answers = document["paths"]["/v1/operations/echo"]["post"]["responses"]
    for status in ("400", "413", "415", "422", "503"):
        schema = answers[status]["content"]["application/problem+json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/Problem"}
