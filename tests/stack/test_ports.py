import random
import socket
from contextlib import suppress

import pytest

from stack.ports import choose_ports
from stack.refused import Refused
from stack.settings import StackSettings


def settings(**ports: int) -> StackSettings:
    return StackSettings(**{"port": 0, "mock_port": 0, "metrics_port": 0, "simulator_port": 0, **ports})  # type: ignore[arg-type]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_port_0_is_a_free_one_for_each() -> None:
    ports = choose_ports(settings(gateways=3, workers=2))
    all_of_them = {*ports.gateways, ports.mock, *ports.workers, ports.simulator}
    assert len(all_of_them) == 7
    assert 0 not in all_of_them


def two_free_ports_in_a_row() -> int:
    while True:
        first = random.randrange(20_000, 30_000)  # below those that the system hands out
        with suppress(OSError), socket.create_server(("127.0.0.1", first)):
            socket.create_server(("127.0.0.1", first + 1)).close()
            return first


def test_gateways_stand_in_a_row() -> None:
    first = two_free_ports_in_a_row()
    assert choose_ports(settings(port=first, gateways=2)).gateways == (first, first + 1)


def test_a_taken_port_further_on_in_the_row_is_refused() -> None:
    first = two_free_ports_in_a_row()
    taken = rf"port {first + 1} \(--port\) is taken by another program"
    with socket.create_server(("127.0.0.1", first + 1)), pytest.raises(Refused, match=taken):
        choose_ports(settings(port=first, gateways=2))


def test_one_port_for_two_parts_is_refused() -> None:
    port = free_port()
    with pytest.raises(Refused, match=rf"port {port} \(--metrics-port\) is wanted by --mock-port too"):
        choose_ports(settings(mock_port=port, metrics_port=port))


def test_a_row_that_runs_past_the_last_port_is_refused() -> None:
    with pytest.raises(Refused, match=r"there is no port 65536 \(--metrics-port and those that follow\)"):
        choose_ports(settings(metrics_port=65535, workers=2))


def test_a_simulator_port_that_nobody_asked_for_gives_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        by_default = StackSettings.model_construct(set(), **{**settings().model_dump(), "simulator_port": port})
        assert choose_ports(by_default).simulator not in (None, port)
        with pytest.raises(Refused, match="--simulator-port"):
            choose_ports(settings(simulator_port=port))


def test_a_simulator_that_is_not_wanted_takes_no_port() -> None:
    assert choose_ports(StackSettings(port=0, mock_port=0, metrics_port=0, simulator=False)).simulator is None
