"""More connections than a gateway may hold are answered and closed; those that it has go on."""

from contextlib import ExitStack, suppress
from time import sleep

import pytest

from tests.contract.calls import problem_of
from tests.contract.stack import Up, gateway
from tests.contract.wire import answer_in, connection, exchange, read_all, request

pytestmark = pytest.mark.anyio


def test_one_connection_too_many_is_told_so_and_room_is_there_again(stack: Up) -> None:
    with gateway(stack.redis_url, "--max-connections=4") as started:
        with ExitStack() as open_ones:
            idle = [open_ones.enter_context(connection(started.url)) for _ in range(4)]
            with connection(started.url) as fifth:
                answer = answer_in(read_all(fifth))
            problem_of(answer.as_response(), 503, "too-many-connections")
            assert int(answer.headers["retry-after"]) >= 1
            idle[0].sendall(request("GET", "/livez"))
            assert answer_in(read_all(idle[0])).status == 200
        while (again := exchange(started.url, request("GET", "/livez"))).status == 503:
            pass
        assert again.status == 200


def test_a_port_of_its_own_for_metrics_answers_although_clients_hold_all_connections(stack: Up) -> None:
    with gateway(stack.redis_url, "--max-connections=2", "--metrics-port=0") as started:
        [metrics_url] = [line.split()[-1] for line in started.seen if "metrics on" in line]
        with ExitStack() as open_ones:
            for _ in range(2):
                open_ones.enter_context(connection(started.url))
            assert exchange(started.url, request("GET", "/livez")).status == 503
            assert exchange(metrics_url, request("GET", "/livez")).status == 200
            assert exchange(metrics_url, request("GET", "/metrics")).status == 200


def test_who_keeps_a_connection_too_many_is_cut_off(stack: Up) -> None:
    with (
        gateway(stack.redis_url, "--max-connections=1") as started,
        connection(started.url),
        connection(started.url) as over,
    ):
        assert answer_in(read_all(over)).status == 503
        with suppress(ConnectionError):
            while True:
                over.sendall(b"a" * 1000)
                sleep(0.05)
