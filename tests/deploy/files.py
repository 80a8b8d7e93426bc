"""What deploy/ holds, as tests read it."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.project.tree import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))

_ALERT = re.compile(r"- alert: (\w+)\n(.*?)(?=\n      - |\n  - name|\Z)", re.DOTALL)
_SELECTOR = re.compile(r'"[^"]*"|([a-zA-Z_:][\w:]*)(\{[^}]*\})?')


@dataclass(frozen=True, slots=True)
class Alert:
    name: str
    text: str

    def field(self, name: str) -> str:
        """Empty where it has none."""
        found = re.search(rf"\b{name}: (.+?)[}}]?$", self.text, re.MULTILINE)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Query:
    """An expression, for one service and one operation; `legend` names the labels that its answer must have."""

    where: str
    expr: str
    legend: str = ""


def alerts() -> list[Alert]:
    return [Alert(name, text) for file in RULES for name, text in _ALERT.findall(file.read_text())]


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All but the rows."""
    yield from (panel for panel in dashboard["panels"] if panel["type"] != "row")


def queries() -> Iterator[Query]:
    """Those of all dashboards."""
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text())
        for panel in panels(dashboard):
            for target in panel["targets"]:
                where = f"{file.name}: {panel['title']}"
                yield Query(where, _filled(target["expr"]), target["legendFormat"])


def selectors(expr: str) -> set[str]:
    """Metrics of the project and recorded series, each with what it is chosen by."""
    found = ((match[1], match[2] or "") for match in _SELECTOR.finditer(expr) if match[1])
    return {name + chosen for name, chosen in found if name.startswith("bff_") or ":" in name or name == "up"}


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine: install the package {package}")
    return found


def said_by(*command: str) -> tuple[int, str]:
    """Exit code, and all that it printed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def _filled(expr: str) -> str:
    for variable, value in {"service": "payments", "operation": "checkout", "__rate_interval": "1m"}.items():
        expr = expr.replace(f"${variable}", value)
    return expr
