"""docker-compose.yml: what it says, and that what it runs can be run."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bff.catalog.catalog import load_catalog
from gateway.body import BODY_SECONDS, LIMIT_BYTES
from gateway.protocol import HEAD_SECONDS
from gateway.push import events, messages
from gateway.settings import GatewaySettings
from gateway.steering import MAX_WAIT_SECONDS
from gateway.submission.answer import TOLD_WITHIN_SECONDS
from stack.cli import COMMANDS
from tests.broker.servers import Server
from tests.contract.stack import LISTENS, Command, Up
from tests.deploy.commands import told
from tests.deploy.compose import COMPOSE, OURS, environment_of, services, variables_of
from tests.deploy.proxy import SHIPPED
from tests.project.tree import PYPROJECT, ROOT, text
from workers.settings import WorkerSettings

MONITORING = {"prometheus", "alertmanager", "grafana"}
ALL = {"proxy", "gateway", "worker", "redis", "mock", "simulator", "mail"} | MONITORING


def test_it_follows_the_specification_and_leaves_monitoring_to_who_asks_for_it() -> None:
    assert {name: declared.get("profiles") for name, declared in services().items()} == {
        name: ["monitoring"] if name in MONITORING else None for name in ALL
    }


@pytest.mark.parametrize("key", ["healthcheck", "interval", "read_only", "depends_on"])
def test_a_misspelt_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}x"):
        services(COMPOSE.replace(f"{key}:", f"{key}x:"))


@pytest.mark.parametrize("service", sorted(ALL))
def test_a_service_is_pinned_checked_restarted_and_confined(service: str) -> None:
    declared = services()[service]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", declared["image"])
    assert declared["healthcheck"]["test"][0] == "CMD"
    assert declared["restart"] == "unless-stopped"
    assert declared["read_only"] is True
    assert declared["cap_drop"] == ["ALL"]
    assert declared["security_opt"] == ["no-new-privileges:true"]
    assert declared["logging"] == {"driver": "local"}
    assert declared["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert all(port.startswith("127.0.0.1:") for port in declared.get("ports") or [])


def test_no_port_is_published_twice_and_gateways_are_reached_through_the_proxy_alone() -> None:
    published = [port.rsplit(":", 1)[0] for declared in services().values() for port in declared.get("ports") or []]
    assert len(published) == len(set(published))
    assert {service for service in ("gateway", "worker", "redis") if services()[service].get("ports")} == set()


@pytest.mark.parametrize("service", sorted(ALL))
def test_what_is_mounted_is_there(service: str) -> None:
    mounted = [str(volume).split(":")[0] for volume in services()[service].get("volumes") or []]
    assert [source for source in mounted if source.startswith(".") and not (ROOT / source).exists()] == []


@pytest.mark.parametrize("service", OURS)
def test_a_service_is_told_nothing_that_it_does_not_know(service: str) -> None:
    assert set(environment_of(service)) <= variables_of(service)


def test_what_gateways_and_workers_are_told_is_good_and_fits_together() -> None:
    gateway, worker = (told(services()[name]["command"], environment_of(name)) for name in ("gateway", "worker"))
    assert isinstance(gateway, GatewaySettings)
    assert isinstance(worker, WorkerSettings)
    assert f"server gateway:{gateway.port} resolve" in text("deploy/nginx/gateways.conf")
    assert (worker.metrics_host, worker.metrics_port) == ("0.0.0.0", 9100)
    assert gateway.smtp_url == worker.smtp_url == "smtp://mail:1025"
    for name, settings in (("gateway", gateway), ("worker", worker)):
        assert services()[name]["stop_grace_period"] == "30s"
        assert settings.drain_seconds + 5 < 30


def of_nginx(directive: str) -> float:
    """Seconds, or MiB."""
    (value,) = re.findall(rf"^ *{directive} ([\d.]+)[sm];", text("deploy/nginx/nginx.conf"), re.MULTILINE)
    return float(value)


def test_the_proxy_waits_for_every_synchronous_answer_but_those_of_reports() -> None:
    operations = load_catalog().operations.values()
    longest = max(each.max_timeout_seconds for each in operations if each.name != "report") + TOLD_WITHIN_SECONDS
    waits = re.findall(r"^ *proxy_read_timeout (\d+)s;", text("deploy/nginx/routes.conf"), re.MULTILINE)
    assert [float(seconds) > longest for seconds in waits] == [True, True]


def test_the_proxy_waits_longer_than_gateways_hold_and_takes_what_they_take() -> None:
    held = max(MAX_WAIT_SECONDS, messages.HEARTBEAT_SECONDS, events.HEARTBEAT_SECONDS)
    assert of_nginx("proxy_read_timeout") >= 2 * held
    assert of_nginx("worker_shutdown_timeout") > held
    assert services()["proxy"]["stop_grace_period"] == "40s"
    assert of_nginx("worker_shutdown_timeout") < 40
    assert of_nginx("client_max_body_size") * 1_048_576 == LIMIT_BYTES
    assert of_nginx("client_body_timeout") == BODY_SECONDS
    assert of_nginx("client_header_timeout") == HEAD_SECONDS


def test_the_image_has_the_version_of_the_project() -> None:
    assert {services()[name]["image"] for name in OURS} == {f"async-bff-gateway:{PYPROJECT['project']['version']}"}


def local(words: list[str], service: str) -> list[str]:
    """Its words for any free port of this machine's own."""
    port = {"gateway": "8000", "mock": "9000", "simulator": "8100"}.get(service)
    return [{"0.0.0.0": "127.0.0.1", port: "0"}.get(word, word) for word in words]


HERE = re.compile(r"(http://127\.0\.0\.1:\d+)")
LISTENING = {"gateway": LISTENS, "mock": HERE, "simulator": HERE, "worker": re.compile(r"consumes()")}


@pytest.fixture
def started(stack: Up, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Each of ours by the words and variables of its container, and where it listens."""
    for service in OURS:
        for name, value in environment_of(service).items():
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("REDIS_URL", stack.redis_url)
    monkeypatch.setenv("KEY_PREFIX", "compose")
    monkeypatch.setenv("WORKER_METRICS_HOST", "127.0.0.1")
    monkeypatch.setenv("WORKER_METRICS_PORT", "0")

    commands = {service: Command(*local(services()[service]["command"], service)[1:]) for service in OURS}
    try:
        yield {service: command.until(LISTENING[service])[1] for service, command in commands.items()}
    finally:
        codes = {service: command.end() for service, command in commands.items()}
    assert set(codes.values()) == {0}


def test_what_our_containers_run_starts_is_healthy_and_ends(started: dict[str, str]) -> None:
    for service, port in (("gateway", "8000"), ("mock", "9000"), ("simulator", "8100")):
        url = started[service]
        program, *words = services()[service]["healthcheck"]["test"][1:]
        assert program == "python"
        asked = [word.replace(f"http://127.0.0.1:{port}", url) for word in words]
        assert any(url in word for word in asked)
        subprocess.run([sys.executable, *asked], check=True)


def test_redis_keeps_what_was_accepted(tmp_path_factory: pytest.TempPathFactory) -> None:
    program, *options = services()["redis"]["command"]
    server = Server(Path(shutil.which(program) or program), tmp_path_factory.mktemp("r"), tuple(options))
    server.start()
    try:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory": "268435456"}
        for name, value in (wanted | {"maxmemory-policy": "noeviction"}).items():
            said = subprocess.run(
                ["redis-cli", "-s", server.socket, "config", "get", name], capture_output=True, text=True, check=True
            )
            assert said.stdout.split() == [name, value]
    finally:
        server.kill()


def test_nginx_takes_the_shipped_files(tmp_path: Path) -> None:
    """But for `resolve`, which nginx knows from 1.27.3 on, and the name, which Docker knows."""
    assert services()["proxy"]["command"] == ["nginx", "-p", "/tmp/", "-c", "/etc/bff/nginx.conf"]
    assert services()["proxy"]["volumes"] == ["./deploy/nginx:/etc/bff:ro"]
    files = shutil.copytree(SHIPPED, tmp_path / "files")
    where = files / "gateways.conf"
    where.write_text(where.read_text().replace("gateway:8000 resolve ", "127.0.0.1:8000 "))
    tried = subprocess.run(
        ["nginx", "-t", "-p", f"{tmp_path}/", "-c", f"{files}/nginx.conf"], capture_output=True, text=True
    )
    assert tried.returncode == 0, tried.stderr
    assert "test is successful" in tried.stderr


def test_ports_of_the_proxy_are_those_that_it_listens_on() -> None:
    listens = set(re.findall(r"listen (\d+);", text("deploy/nginx/nginx.conf")))
    assert {port.rsplit(":", 1)[1] for port in services()["proxy"]["ports"]} == listens


def test_every_command_of_ours_is_one_that_bff_has() -> None:
    assert {services()[name]["command"][1] for name in OURS} <= COMMANDS.keys()


def test_grafana_shows_and_lets_nobody_change() -> None:
    declared: dict[str, Any] = services()["grafana"]
    assert declared["ports"] == ["127.0.0.1:3000:3000"]
    assert declared["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert declared["environment"]["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_the_page_says_what_is_where() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|([^|]+)\|([^|]*)\|", text("docs/deploying.md").split("## The proxy")[0], re.MULTILINE
    )
    told_of = {name: (many.strip(), set(re.findall(r"localhost:(\d+)", where))) for name, many, where in rows}
    assert told_of == {
        name: (
            str(declared["deploy"].get("replicas", 1)) + (", profile `monitoring`" if name in MONITORING else ""),
            {port.split(":")[1] for port in declared.get("ports") or []},
        )
        for name, declared in services().items()
    }
