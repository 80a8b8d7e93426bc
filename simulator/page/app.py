"""The page's server: files, facts, and answers. Starlette alone: it starts in half the time that FastAPI takes."""

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bff.catalog.catalog import Catalog
from scenario.export import NotExported
from scenario.reading import ScenarioError
from simulator.page.adviser import Adviser
from simulator.page.answers import Answers
from simulator.page.facts import facts
from simulator.page.guarded import Guarded

STATIC = Path(__file__).with_name("static")
LIMIT_BYTES = 8_388_608
"""Of what is sent: the result of a whole day has 86,400 seconds in its series."""


def create_app(catalog: Catalog, services_file: Path) -> Starlette:
    """`services_file`: where the catalog is from. Raises ScenarioError where a shipped scenario does not go with it."""
    answers, known, adviser = Answers(catalog), facts(catalog), Adviser(services_file)

    def advice(text: str) -> Response:
        answers.plan(text)
        return StreamingResponse(adviser.lines(text), media_type="application/x-ndjson")

    async def known_facts(request: Request) -> Response:
        return JSONResponse(known)

    return Starlette(
        routes=[
            Route("/livez", _livez),
            Route("/facts", known_facts),
            _posted("/plan", answers.plan),
            _posted("/advice", advice),
            _posted("/toml", answers.toml),
            _posted("/services", answers.services),
            _posted("/read", answers.read),
            _posted("/result", answers.result),
            Mount("/", StaticFiles(directory=STATIC, html=True)),
        ],
        middleware=[Middleware(Guarded)],
    )


def _posted(path: str, answer: Callable[..., Response]) -> Route:
    """`answer` is given the body, and the name of the file where the query string has one."""

    async def endpoint(request: Request) -> Response:
        body, names = b"", request.query_params.getlist("name")[:1]
        async for chunk in request.stream():
            body += chunk
            if len(body) > LIMIT_BYTES:
                return _refused(f"that is more than {LIMIT_BYTES:,} bytes", 413)
        try:
            return await run_in_threadpool(answer, body.decode(), *names)
        except ScenarioError as error:
            return _refused(str(error), key=error.key, complaint=error.complaint)
        except UnicodeDecodeError as error:
            return _refused(f"that is no text in UTF-8: {error.reason}")
        except (NotExported, ValueError) as error:
            return _refused(str(error))

    return Route(path, endpoint, methods=["POST"])


def _refused(error: str, status: int = 422, **more: object) -> Response:
    return JSONResponse({"error": error, **more}, status)


async def _livez(request: Request) -> Response:
    return PlainTextResponse("ok")
