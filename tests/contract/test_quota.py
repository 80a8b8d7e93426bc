"""A client's own quota: 429 says which bound it is, and when to come back."""

import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.contract.calls import (
    CART,
    CHECKOUT,
    ECHO,
    HI,
    Json,
    client_of,
    ended,
    job_where,
    problem_of,
    refused_for_now,
    submitted,
)
from tests.contract.stack import Up, gateway, worker

pytestmark = pytest.mark.anyio

Public = Callable[[str], str]

THREE_A_MINUTE = "requests = 3\nwindow_seconds = 60\n"
TWO_IN_FLIGHT = "max_in_flight = 2\n"


@pytest.fixture
def public(tmp_path: Path) -> Public:
    """The option by which a gateway allows its client `public` so much."""

    def allow(bounds: str) -> str:
        file = tmp_path / "clients.toml"
        file.write_text(f"[clients.public]\n{bounds}")
        return f"--clients={file}"

    return allow


@pytest.fixture
def prefix() -> str:
    """Keys of its own: nobody else's jobs count."""
    return f"--key-prefix={uuid.uuid4().hex}"


def over_quota(answer: httpx.Response, bound: str) -> Json:
    problem = problem_of(answer, 429, "quota-exceeded")
    assert problem["bound"] == bound
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    return problem


def left(answer: httpx.Response) -> int:
    """What RateLimit says is left, of the policy of these tests."""
    assert answer.headers["ratelimit-policy"] == '"requests";q=3;w=60'
    name, remaining, reset = answer.headers["ratelimit"].split(";")
    assert name == '"requests"'
    assert 0 < int(reset.removeprefix("t=")) <= 60
    return int(remaining.removeprefix("r="))


async def test_every_acceptance_says_what_is_left_and_the_refusal_when_there_is_more(
    stack: Up, prefix: str, public: Public
) -> None:
    with gateway(stack.redis_url, public(THREE_A_MINUTE), prefix) as alone:
        async with client_of(alone.url) as api:
            accepted = [await api.post(ECHO, json=HI) for _ in range(3)]
            refused = await api.post(ECHO, json=HI)
            page = (await api.get("/metrics")).text
    assert [(answer.status_code, left(answer)) for answer in accepted] == [(202, 2), (202, 1), (202, 0)]
    problem = over_quota(refused, "requests")
    assert "3 requests in 60 s" in problem["detail"]
    assert left(refused) == 0
    labels = 'operation="echo",priority="normal",reason="quota-exceeded"'
    assert f"\nbff_jobs_rejected_total{{{labels}}} 1.0\n" in page


async def test_only_what_is_accepted_counts(stack: Up, prefix: str, public: Public) -> None:
    with gateway(stack.redis_url, public(THREE_A_MINUTE), prefix) as alone:
        async with client_of(alone.url) as api:
            problem_of(await api.post(ECHO, json={"text": ""}), 422, "invalid-parameters")
            too_short = {"Request-Timeout": "0.1"}
            refused_for_now(await api.post(CHECKOUT, json=CART, headers=too_short), "deadline-unattainable")
            first = await api.post(ECHO, json=HI, headers={"Idempotency-Key": "one"})
            assert left(first) == 2
            assert [left(await api.post(ECHO, json=HI)) for _ in range(2)] == [1, 0]
            again = await api.post(ECHO, json=HI, headers={"Idempotency-Key": "one"})
            assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
            over_quota(await api.post(ECHO, json=HI, headers={"Idempotency-Key": "two"}), "requests")
            assert (await api.get(f"/v1/jobs/{first.json()['id']}")).status_code == 200
            assert (await api.delete(f"/v1/jobs/{first.json()['id']}")).status_code == 200
            over_quota(await api.post(ECHO, json=HI), "requests")


async def test_a_quota_holds_over_all_gateways(stack: Up, prefix: str, public: Public) -> None:
    options = (public(THREE_A_MINUTE + TWO_IN_FLIGHT), prefix)
    with gateway(stack.redis_url, *options) as one, gateway(stack.redis_url, *options) as other:
        async with client_of(one.url) as api, client_of(other.url) as elsewhere:
            assert left(await api.post(ECHO, json=HI)) == 2
            assert left(await elsewhere.post(ECHO, json=HI)) == 1
            for each in (api, elsewhere):
                assert left(await each.post(ECHO, json=HI)) == 1
                over_quota(await each.post(ECHO, json=HI), "in-flight")


async def test_a_job_in_flight_makes_room_by_its_end_however_it_ends(
    stack: Up, prefix: str, public: Public, mock: object
) -> None:
    with gateway(stack.redis_url, f"--downstream-url={stack.mock_url}", public(TWO_IN_FLIGHT), prefix) as alone:
        async with client_of(alone.url) as api:
            lasting = await submitted(api, request_timeout="60")
            short = await submitted(api, request_timeout="0.3")
            problem = over_quota(await api.post(ECHO, json=HI), "in-flight")
            assert "2 jobs in flight" in problem["detail"]
            assert (await job_where(api, short["id"], ended))["status"] == "expired"
            cancelled = await submitted(api, request_timeout="60")
            over_quota(await api.post(ECHO, json=HI), "in-flight")
            assert (await api.delete(f"/v1/jobs/{cancelled['id']}")).status_code == 200
            again = await submitted(api, request_timeout="60")
            over_quota(await api.post(ECHO, json=HI), "in-flight")
            with worker(stack.redis_url, f"--downstream-url={stack.mock_url}", prefix):
                for job in (lasting, again):
                    assert (await job_where(api, job["id"], ended))["status"] == "succeeded"
                held = [await api.post(ECHO, json=HI, headers={"Prefer": "wait=20"}) for _ in range(3)]
            assert [answer.json()["status"] for answer in held] == ["succeeded"] * 3


async def test_without_a_quota_nothing_is_said_of_one(api: httpx.AsyncClient) -> None:
    answer = await api.post(ECHO, json=HI)
    assert answer.status_code == 202
    assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)
