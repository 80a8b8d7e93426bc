import json
from random import Random

from bff.catalog.catalog import load_catalog
from loadtest.client.attempt import Request
from loadtest.client.requests import Parameters, Requests
from loadtest.client.target import Target
from scenario.arrivals import Arrival
from tests.loadtest.stages import a_stage

MIX = [
    {"operation": "checkout", "priority": "high", "share": 0.5},
    {"operation": "report", "priority": "low", "share": 0.5},
]
TARGET = Target.of("http://127.0.0.1", ("a", "b"))


def asked(pattern: str = "async", seed: int = 1) -> list[Request]:
    requests = Requests(a_stage({"mix": MIX}, pattern=pattern), TARGET, Random(seed))
    return [requests.next(Arrival(number, number % 2)).request(1) for number in range(20)]


def test_the_same_seed_asks_for_the_same_by_the_same_users() -> None:
    first, again, other = asked(), asked(), asked(seed=2)
    assert [each.body for each in first] == [each.body for each in again]
    assert [each.headers["Request-Subject"] for each in first] == [each.headers["Request-Subject"] for each in again]
    assert [each.body for each in first] != [each.body for each in other]


def test_keys_are_those_of_this_run_alone() -> None:
    keys = [each.headers["Idempotency-Key"] for each in (*asked(), *asked())]
    assert len(set(keys)) == 40


def test_every_cart_is_another_and_all_that_is_asked_for_fits_the_catalog() -> None:
    operations = load_catalog().operations
    for request in asked():
        operations[request.operation].parameters.model_validate_json(request.body)
    assert len({json.loads(each.body).get("cart_id") for each in asked()}) == 11, "and None, of reports"


def test_what_an_operation_does_not_take_stays_as_in_its_example() -> None:
    for operation in load_catalog().operations.values():
        body = Parameters(operation).body(7, Random(1))
        operation.parameters.model_validate_json(body)
        assert json.loads(body).keys() == dict(operation.example).keys()


def test_headers_steer_as_the_mix_and_the_stage_say() -> None:
    checkout, report = asked()[:2]
    assert (checkout.headers["Request-Priority"], report.headers["Request-Priority"]) == ("high", "low")
    assert (checkout.headers["Authorization"], report.headers["Authorization"]) == ("Bearer a", "Bearer b")
    assert checkout.credentials == {"Authorization": "Bearer a"}
    assert checkout.headers["Request-Timeout"] == "5.000"
    assert checkout.headers["Prefer"] == "respond-async"
    assert "Prefer" not in asked("sync")[0].headers
