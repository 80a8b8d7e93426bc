import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from stack.redis_server import RedisServer, find_redis_servers, locked, running
from stack.refused import Refused
from tests.stack.fakes import living

each_server = pytest.mark.parametrize("server", find_redis_servers(), ids=str)


def program(path: Path, version_line: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{version_line}'\n")
    path.chmod(0o755)


@each_server
def test_it_runs_privately_and_is_gone_afterwards(server: RedisServer, tmp_path: Path) -> None:
    with running(server, tmp_path) as url, Redis.from_url(url) as redis:
        socket = Path(urlsplit(url).path)
        info = redis.info()
        assert info["redis_version"] == ".".join(map(str, server.version))
        for name, value in {"port": "0", "maxmemory-policy": "noeviction", "appendonly": "no"}.items():
            assert redis.config_get(name) == {name: value}
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert not socket.parent.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(info["process_id"], 0)


@each_server
def test_an_append_only_one_keeps_what_it_was_told(server: RedisServer, tmp_path: Path) -> None:
    with running(server, tmp_path, append_only=True) as url, Redis.from_url(url) as redis:
        redis.set("kept", "yes")
    with running(server, tmp_path, append_only=True) as url, Redis.from_url(url) as redis:
        assert redis.get("kept") == b"yes"


@each_server
def test_one_that_cannot_start_shows_why(server: RedisServer, tmp_path: Path) -> None:
    for name in ("appendonlydir", "appendonly.aof"):
        (tmp_path / name).mkdir() if server.version < (7, 0, 0) else (tmp_path / name).touch()
    with pytest.raises(Refused, match=r"(?i)append"), running(server, tmp_path, append_only=True):
        pass


def test_it_does_not_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from stack.redis_server import find_redis_servers, running
with running(find_redis_servers()[0], Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(60)
"""
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert owner.stdout
    url = owner.stdout.readline().strip()
    with Redis.from_url(url) as redis:
        group = os.getpgid(redis.info()["process_id"])
    owner.send_signal(signal.SIGKILL)
    owner.communicate()  # until the reaper, which holds the same stderr, has ended
    assert not Path(urlsplit(url).path).parent.exists()
    assert living(group) == []


def test_only_servers_of_a_version_that_will_do_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "redis-server", "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64")
    program(tmp_path / "valkey-server", "Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = [server for server in find_redis_servers() if server.program.parent == tmp_path]
    assert found == [RedisServer(tmp_path / "valkey-server", (8, 1, 3))]


def test_one_program_by_two_names_is_found_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "valkey-server", "Valkey server v=8.1.3 sha=00000000:0")
    (tmp_path / "redis-server").symlink_to(tmp_path / "valkey-server")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [server.program.name for server in find_redis_servers()][:1] == ["redis-server"]
    assert sum(server.version == (8, 1, 3) for server in find_redis_servers()) == 1


def test_a_data_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(Refused, match=r"\(--data\) cannot be written: Not a directory"),
        locked(tmp_path / "file" / "data", RedisServer(Path("redis-server"), (7, 0, 0))),
    ):
        pass


def test_data_of_a_newer_redis_is_refused_rather_than_not_seen(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").mkdir()
    with (
        pytest.raises(Refused, match=r"was written by Redis 7 or newer; redis-server 6\.2\.14 cannot read it"),
        locked(tmp_path, RedisServer(Path("redis-server"), (6, 2, 14))),
    ):
        pass
    with locked(tmp_path, RedisServer(Path("redis-server"), (7, 0, 15))) as lock:
        assert os.fstat(lock)
