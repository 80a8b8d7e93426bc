from typing import Any

import httpx
import pytest

from downstream_mock.steering import DEFAULTS
from tests.downstream_mock.calls import Counters, Steer

pytestmark = pytest.mark.anyio


async def test_a_service_tells_its_settings_and_its_counters(mock: httpx.AsyncClient) -> None:
    described = (await mock.get("/_control/payments")).json()
    counted = described.pop("counters")
    assert described == DEFAULTS["payments"].model_dump(mode="json")
    assert set(counted.values()) == {0}
    assert counted.keys() == {
        *("calls", "succeeded", "failed", "rejected_concurrency", "rejected_rate"),
        *("in_flight", "max_in_flight", "max_started_per_second"),
        *("effects", "repeated_keys", "max_effects_per_key"),
    }


async def test_a_change_takes_what_it_names_and_leaves_the_rest(mock: httpx.AsyncClient) -> None:
    change = {"latency": {"distribution": "gamma", "cv": 0.5}, "error_rate": 0.1, "rate_per_second": 150}
    answer = (await mock.put("/_control/payments", json=change)).json()
    assert answer["latency"] == {"distribution": "gamma", "mean_seconds": 0.8, "cv": 0.5}
    assert (answer["error_rate"], answer["rate_per_second"], answer["max_concurrency"]) == (0.1, 150, 100)
    assert (await mock.get("/_control/payments")).json() == answer


async def test_a_change_needs_no_content_type(mock: httpx.AsyncClient) -> None:
    answer = await mock.put("/_control/echo", content='{"seed": 7}')
    assert answer.json()["seed"] == 7


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('{"speed": 1}', "speed"),
        ('{"error_rate": 2}', "error_rate"),
        ('{"latency": {"mean": 1}}', "latency.mean"),
        ('{"seed": NaN}', "seed"),
        ('{"hang_rate": 0.6, "drip_rate": 0.6}', "more than 1"),
        ("[1]", "object"),
        ("{", "Invalid JSON"),
    ],
)
async def test_a_refused_change_says_why_and_what_is_allowed_and_changes_nothing(
    mock: httpx.AsyncClient, body: str, named: str
) -> None:
    before = (await mock.get("/_control/echo")).json()
    answer = await mock.put("/_control/echo", content=body)
    assert answer.status_code == 422
    assert named in answer.json()["error"]
    assert {"error_rate", "latency.mean_seconds"} <= set(answer.json()["allowed"])
    assert (await mock.get("/_control/echo")).json() == before


@pytest.mark.parametrize(("method", "path"), [("PUT", "/_control/nowhere"), ("GET", "/_control/nowhere")])
async def test_an_unknown_service_is_404_with_the_known_ones(mock: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await mock.request(method, path, content="{}")
    assert answer.status_code == 404
    assert all(name in answer.json()["error"] for name in DEFAULTS)


async def test_reset_takes_back_settings_counters_and_remembered_keys(
    mock: httpx.AsyncClient, steer: Steer, counters: Counters
) -> None:
    async def echo() -> httpx.Response:
        return await mock.post("/echo/echo", json={"text": "hi"}, headers={"Idempotency-Key": "k"})

    await steer("echo", error_rate=0.5, max_concurrency=1, seed=7)
    await echo()
    everything: dict[str, Any] = (await mock.post("/_control/reset")).json()["services"]
    for name, described in everything.items():
        assert set(described.pop("counters").values()) == {0}
        assert described == DEFAULTS[name].model_dump(mode="json")
    assert "idempotency-replayed" not in (await echo()).headers
    assert (await counters("echo"))["effects"] == 1


async def test_livez_is_ok(mock: httpx.AsyncClient) -> None:
    assert (await mock.get("/livez")).json() == {"status": "ok"}


async def test_a_wrong_control_path_or_method_is_json_too(mock: httpx.AsyncClient) -> None:
    assert (await mock.get("/_control/echo/more")).json() == {"error": "Not Found"}
    wrong_method = await mock.delete("/_control/echo")
    assert (wrong_method.status_code, wrong_method.json()) == (405, {"error": "Method Not Allowed"})
