"""docker-compose.yml, read as Compose reads it."""

import re
from typing import Any

from compose_spec import PyOptions

from bff.catalog.clients import SHIPPED_CLIENTS
from stack.options import settings_of
from tests.deploy.commands import settings_class
from tests.project.tree import text

COMPOSE = text("docker-compose.yml")
OURS = ("gateway", "worker", "mock", "simulator")


def services(compose: str = COMPOSE) -> dict[str, Any]:
    """Raises ValueError where the file is not one that the Compose specification allows."""
    options = PyOptions()
    options.apply_merge = True
    found: dict[str, Any] = options.from_yaml(compose).to_dict()["services"]
    return found


def environment_of(service: str) -> dict[str, str]:
    """As it is where nothing is set outside."""
    told: dict[str, str] = services()[service].get("environment") or {}
    return {name: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value) for name, value in told.items()}


def variables_of(command: str) -> set[str]:
    """All that the environment can tell the process: its settings, the secrets of clients, and what uvicorn reads."""
    settings = {setting.variable for setting in settings_of(settings_class(command))}
    return settings | set(re.findall(r"\$\{(\w+)\}", SHIPPED_CLIENTS.read_text())) | {"FORWARDED_ALLOW_IPS"}
