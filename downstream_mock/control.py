"""Steering and reading the services while they run."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from downstream_mock.service import Service, Services
from downstream_mock.steering import Latency, ServiceSettings

# Parsed here, not by FastAPI, so that `curl -X PUT -d '{...}'` needs no content type.
_CHANGE = TypeAdapter(dict[str, Any])
_ALLOWED = [*ServiceSettings.model_fields, *(f"latency.{name}" for name in Latency.model_fields)]


def control_app(services: Services) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_exception_handler(StarletteHTTPException, _refuse)
    app.add_exception_handler(ValidationError, _refuse_settings)

    def known(name: str) -> Service:
        if service := services.get(name):
            return service
        raise HTTPException(404, f"no service {name!r}; known: {', '.join(services.names)}")

    KnownService = Annotated[Service, Depends(known)]  # noqa: N806 a type, though a local one

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/_control")
    async def describe_all() -> dict[str, Any]:
        return {"services": {name: known(name).describe() for name in services.names}}

    @app.post("/_control/reset")
    async def reset() -> dict[str, Any]:
        services.reset()
        return await describe_all()

    @app.get("/_control/{name}")
    async def describe(service: KnownService) -> dict[str, Any]:
        return service.describe()

    @app.put("/_control/{name}")
    async def steer(service: KnownService, request: Request) -> dict[str, Any]:
        service.steer(_CHANGE.validate_json(await request.body()))
        return service.describe()

    return app


async def _refuse(_: Request, refused: Exception) -> JSONResponse:
    assert isinstance(refused, StarletteHTTPException)
    return JSONResponse({"error": refused.detail}, refused.status_code, refused.headers)


async def _refuse_settings(_: Request, invalid: Exception) -> JSONResponse:
    assert isinstance(invalid, ValidationError)
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}".removeprefix(": ")
        for problem in invalid.errors(include_url=False, include_input=False, include_context=False)
    ]
    return JSONResponse({"error": "; ".join(problems), "allowed": _ALLOWED}, 422)
