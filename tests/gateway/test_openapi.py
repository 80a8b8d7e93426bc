from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter

from bff.catalog.catalog import load_catalog
from bff.catalog.operations import OPERATIONS
from gateway.app import create_app
from gateway.document import JobDocument
from gateway.problems import PROBLEM_TYPES
from gateway.settings import GatewaySettings


@pytest.fixture
def document(settings: GatewaySettings) -> dict[str, Any]:
    catalog = load_catalog(settings.services_file, downstream_url=settings.downstream_url)
    return create_app(settings, catalog).openapi()


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


def test_the_job_is_described_as_its_own_type_says(document: dict[str, Any]) -> None:
    described = document["components"]["schemas"]["JobDocument"]
    assert set(described["properties"]) == set(TypeAdapter(JobDocument).json_schema()["properties"])


@pytest.mark.anyio
async def test_it_is_served(api: httpx.AsyncClient, document: dict[str, Any]) -> None:
    assert (await api.get("/openapi.json")).json() == document
