import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyOptions
from packaging.specifiers import SpecifierSet

from stack.cli import COMMANDS
from tests.project.tree import PACKAGES, PYPROJECT, ROOT, text

COMPOSE = text("docker-compose.yml")
DOCKERFILE = text("Dockerfile")


def services(compose: str = COMPOSE) -> dict[str, Any]:
    """Raises ValueError where the file is not one that the Compose specification allows."""
    options = PyOptions()
    options.apply_merge = True
    found: dict[str, Any] = options.from_yaml(compose).to_dict()["services"]
    return found


def test_the_compose_file_follows_the_specification() -> None:
    assert services().keys() == {"redis", "mock", "mail", "gateway", "worker"}


@pytest.mark.parametrize("key", ["healthcheck", "interval", "read_only", "depends_on"])
def test_a_misspelt_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key}x"):
        services(COMPOSE.replace(f"{key}:", f"{key}x:"))


@pytest.mark.parametrize("service", ["mock", "gateway", "worker"])
def test_a_service_runs_a_command_that_bff_has(service: str) -> None:
    program, command, *_ = services()[service]["command"]
    assert program == "bff"
    assert command in COMMANDS


@pytest.mark.parametrize("service", ["redis", "mock", "mail", "gateway", "worker"])
def test_a_service_is_checked_restarted_and_confined(service: str) -> None:
    declared = services()[service]
    assert declared["healthcheck"]["test"][0] == "CMD"
    assert declared["restart"] == "unless-stopped"
    assert declared["read_only"] is True
    assert declared["cap_drop"] == ["ALL"]
    assert declared["security_opt"] == ["no-new-privileges:true"]
    assert declared["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}


def test_what_goes_out_by_mail_stays_on_this_machine() -> None:
    mail = services()["mail"]
    assert re.fullmatch(r"axllent/mailpit:v[\d.]+", mail["image"])
    assert mail["ports"] == ["127.0.0.1:8025:8025"]
    for part in ("gateway", "worker"):
        assert services()[part]["environment"]["SMTP_URL"] == "smtp://mail:1025"


def test_redis_keeps_what_was_accepted() -> None:
    command = services()["redis"]["command"]
    for setting in ["--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"]:
        assert setting in command


def test_the_image_runs_a_python_that_the_project_allows_and_no_root() -> None:
    pythons = set(re.findall(r"^FROM python:([\d.]+)-slim", DOCKERFILE, re.MULTILINE))
    assert len(pythons) == 1
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]).contains(f"{pythons.pop()}.0")
    assert re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE) == ["10001"]


def test_the_image_is_given_all_that_it_is_built_from() -> None:
    given = set(re.findall(r"^!(\S+)$", text(".dockerignore"), re.MULTILINE))
    assert {file for file in given if not (ROOT / file).exists()} == set()
    assert {
        *PACKAGES,
        "pyproject.toml",
        "requirements.lock",
        "requirements-otel.lock",
        "requirements-dev.lock",
    } <= given


@pytest.mark.skipif(sys.platform != "linux", reason="the hadolint wheel is for Linux")
def test_hadolint_finds_nothing_in_the_dockerfile_and_something_in_a_bad_one() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    bad = "FROM python\nRUN cd /tmp && pip install uv\n"
    assert subprocess.run([hadolint, "-"], input=DOCKERFILE, text=True, capture_output=True).stdout == ""
    assert "DL3006" in subprocess.run([hadolint, "-"], input=bad, text=True, capture_output=True).stdout
