"""What a browser may do from another origin's page, and on which port metrics are."""

import re

import pytest

from tests.contract.calls import ECHO, HI, client_of, problem_of
from tests.contract.stack import LISTENS, Command, Up, gateway

pytestmark = pytest.mark.anyio

SHOP = "https://shop.example"
ASKS = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key, content-type"}


async def test_a_listed_origin_may_use_the_api_and_read_its_headers(stack: Up) -> None:
    with gateway(stack.redis_url, f"--allowed-origins={SHOP}, http://localhost:5173") as started:
        async with client_of(started.url) as api:
            asked = await api.options(ECHO, headers={"Origin": SHOP, **ASKS})
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, SHOP)
            answer = await api.post(ECHO, json=HI, headers={"Origin": SHOP})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (202, SHOP)
            assert "X-Correlation-ID" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in answer.headers
            for other in ("https://shop.example.evil", "https://evil.example", "null", "http://shop.example"):
                refused = await api.options(ECHO, headers={"Origin": other, **ASKS})
                assert problem_of(refused, 400, "invalid-header")["header"] == "Origin"
                assert "access-control-allow-origin" not in refused.headers
            for name, value in (("Method", "PATCH"), ("Headers", "x-other")):
                wish = {**ASKS, f"Access-Control-Request-{name}": value}
                refused = await api.options(ECHO, headers={"Origin": SHOP, **wish})
                assert problem_of(refused, 400, "invalid-header")["header"] == f"Access-Control-Request-{name}"


async def test_where_none_is_listed_no_other_origin_can_read_anything(stack: Up) -> None:
    async with client_of(stack.gateway_url) as api:
        answer = await api.post(ECHO, json=HI, headers={"Origin": SHOP})
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_every_answer_forbids_to_guess_its_type(stack: Up) -> None:
    async with client_of(stack.gateway_url) as api:
        for path in ("/v1/jobs?id=x", "/nothing", "/docs", "/static/page.css", "/metrics", "/problems"):
            assert (await api.get(path)).headers["x-content-type-options"] == "nosniff", path


async def test_metrics_can_have_a_port_of_their_own_on_which_nothing_else_is_answered(stack: Up) -> None:
    started = Command("gateway", "--port=0", f"--redis-url={stack.redis_url}", "--metrics-port=0")
    try:
        api_url = started.until(LISTENS)[1]
        metrics_url = next(match[1] for match in map(re.compile(r"metrics on (\S+)").search, started.seen) if match)
        async with client_of(api_url) as api, client_of(metrics_url.removesuffix("/metrics")) as apart:
            assert "bff_jobs_submitted_total" in (await apart.get("/metrics")).text
            assert (await apart.get("/livez")).status_code == 200
            problem_of(await apart.post(ECHO, json=HI), 404, "not-found")
            for answer in (await apart.get("/openapi.json"), await api.get("/metrics")):
                assert problem_of(answer, 404, "not-found")["instance"] == answer.url.path
            assert "/metrics" not in (await api.get("/")).text
            assert (await api.post(ECHO, json=HI)).status_code == 202
    finally:
        assert started.end() == 0
