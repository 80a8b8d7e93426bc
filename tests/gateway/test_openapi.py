import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter
from starlette.datastructures import Headers

from bff.catalog.catalog import load_catalog
from bff.catalog.clients import ClientRegister
from bff.catalog.operations import OPERATIONS
from bff.wire.document import JobDocument
from gateway.app import create_app
from gateway.headers import IndexedHeaders
from gateway.problems import PROBLEM_TYPES, Problem
from gateway.schemas.openapi import KEY_PATTERN, SECONDS_PATTERN
from gateway.settings import GatewaySettings
from gateway.steering import steering_of


@pytest.fixture
def document(settings: GatewaySettings) -> dict[str, Any]:
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    return create_app(settings, catalog, ClientRegister(settings.clients_file)).openapi()


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_a_document_that_is_not_would_be_noticed(document: dict[str, Any]) -> None:
    broken = document | {"paths": {"/x": {"get": {"responses": {"200": {}}}}}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_every_operation_of_the_catalog_is_in_it(document: dict[str, Any]) -> None:
    submitted = {path.removeprefix("/v1/operations/") for path in document["paths"] if "/operations/" in path}
    assert submitted == {operation.name for operation in OPERATIONS}


def test_every_problem_of_an_answer_is_named_with_its_status(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                for type_ in PROBLEM_TYPES.values():
                    if f"`{type_.slug}`" in answer["description"]:
                        assert str(type_.status) == status, (path, type_.slug)


def test_every_refusal_is_described_as_the_problem_that_it_is(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if status >= "400" and (path, status) != ("/readyz", "503"):
                    assert [*answer["content"]] == ["application/problem+json"], (path, status)
    assert not [name for name in document["components"]["schemas"] if "ValidationError" in name]


def test_the_job_is_described_as_its_own_type_says(document: dict[str, Any]) -> None:
    described = document["components"]["schemas"]["JobDocument"]
    assert set(described["properties"]) == set(TypeAdapter(JobDocument).json_schema()["properties"])


@pytest.mark.anyio
async def test_it_is_served(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    assert (await api.get("/openapi.json")).json() == document


@pytest.mark.parametrize("text", ["", "0", "0.0", "1", "2.5", "00.001", "1.", ".5", "1e3", "-1", "9" * 30])
def test_a_timeout_fits_its_pattern_where_it_is_taken(text: str) -> None:
    assert bool(re.search(SECONDS_PATTERN, text)) == taken("Request-Timeout", text)


@given(st.text(st.sampled_from('"\\a!~ \té'), max_size=6) | st.sampled_from(["a" * 255, "a" * 256, f'"{"a" * 255}"']))
def test_a_key_fits_its_pattern_where_it_is_taken(text: str) -> None:
    assert bool(re.fullmatch(KEY_PATTERN, text.strip())) == taken("Idempotency-Key", text)


def taken(name: str, text: str) -> bool:
    try:
        steering_of(IndexedHeaders({"headers": Headers({name: text}).raw}), OPERATIONS[0])
    except Problem:
        return False
    return True
