"""deploy/k8s as kustomize builds it, and what it would do."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.project.tree import ROOT

K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("dev", "production")

Object = dict[str, Any]
Labels = dict[str, str]


@cache
def built(overlay: str) -> list[Object]:
    return built_from(K8S / "overlays" / overlay)


def built_from(directory: Path) -> list[Object]:
    kubectl = Path(sys.executable).with_name("kubectl")
    made = subprocess.run([kubectl, "kustomize", directory], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    return list(yaml.safe_load_all(made.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Object]:
    return [each for each in built(overlay) if each["kind"] in kinds]


def named(overlay: str, kind: str, name: str) -> Object:
    (found,) = [each for each in of_kind(overlay, kind) if each["metadata"]["name"] == name]
    return found


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs, with its one container."""

    name: str
    labels: Labels
    pod: Object
    container: Object
    environment: dict[str, str]

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container["ports"]}


def workloads(overlay: str) -> list[Workload]:
    return [_workload(overlay, each) for each in of_kind(overlay, "Deployment", "StatefulSet")]


def workload(overlay: str, name: str) -> Workload:
    (found,) = [each for each in workloads(overlay) if each.name == name]
    return found


def _workload(overlay: str, made: Object) -> Workload:
    template = made["spec"]["template"]
    (container,) = template["spec"]["containers"]
    told = dict(_environment(overlay, container))
    return Workload(made["metadata"]["name"], template["metadata"]["labels"], template["spec"], container, told)


def _environment(overlay: str, container: Object) -> Iterator[tuple[str, str]]:
    """As far as it is known without the cluster's secrets."""
    for source in container.get("envFrom", []):
        if reference := source.get("configMapRef"):
            yield from named(overlay, "ConfigMap", reference["name"])["data"].items()
    for variable in container.get("env", []):
        yield variable["name"], variable.get("value", "redis://redis")


def selects(selector: Object, labels: Labels) -> bool:
    """A label selector, with those operators that are used here."""
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    wanted: Labels = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def may_connect(overlay: str, client: str, server: str, port: int) -> bool:
    """Whether the network policies let one workload connect to another: out of the one, and into the other."""
    source, target = workload(overlay, client), workload(overlay, server)
    ways = (("Egress", "egress", "to", source, target), ("Ingress", "ingress", "from", target, source))
    return all(_lets(overlay, *way, port) for way in ways)


def _lets(overlay: str, kind: str, rules: str, peers: str, here: Workload, there: Workload, port: int) -> bool:
    specs = [policy["spec"] for policy in of_kind(overlay, "NetworkPolicy")]
    here_specs = [spec for spec in specs if kind in spec["policyTypes"] and selects(spec["podSelector"], here.labels)]
    assert here_specs, "nothing keeps it from anybody"
    return any(
        port in [each["port"] for each in rule["ports"]]
        and any(
            "namespaceSelector" not in peer and selects(peer["podSelector"], there.labels)
            for peer in rule[peers]
            if "podSelector" in peer
        )
        for spec in here_specs
        for rule in spec.get(rules, [])
    )
