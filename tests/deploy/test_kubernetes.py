"""deploy/k8s: what kustomize makes of it is good, and fits what the processes are."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from bff.broker.keys import GROUP, Keys
from bff.catalog.catalog import load_catalog
from bff.catalog.clients import ClientRegister
from bff.catalog.model import Priority
from gateway.apart import ON_THE_METRICS_PORT
from gateway.app import create_app
from gateway.settings import GatewaySettings
from tests.deploy.commands import told
from tests.deploy.compose import services as composed
from tests.deploy.compose import variables_of
from tests.deploy.kubernetes import (
    K8S,
    OVERLAYS,
    Object,
    built,
    built_from,
    may_connect,
    named,
    of_kind,
    selects,
    workload,
    workloads,
)
from tests.project.tree import PYPROJECT, ROOT, text
from workers.settings import WorkerSettings

SCHEMAS = Path(__file__).with_name("schemas")
PRODUCTION = K8S / "overlays" / "production"
CALLS_A_WORKER_MAKES = 500
"""A second, with the half core that it asks for: docs/deploying.md."""

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)
each_workload = pytest.mark.parametrize(
    ("overlay", "name"),
    [("dev", name) for name in ("gateway", "worker", "redis", "mock")]
    + [("production", name) for name in ("gateway", "worker")],
)
each_of_ours = pytest.mark.parametrize(
    ("overlay", "name"),
    [("dev", "gateway"), ("dev", "worker"), ("dev", "mock"), ("production", "gateway"), ("production", "worker")],
)


def complaints(made: Object) -> list[str]:
    kind = f"{made['apiVersion']} {made['kind']}"
    for file in SCHEMAS.glob("*.json"):
        document = json.loads(file.read_text())
        if kind in document["kinds"]:
            validator = Draft202012Validator({"$defs": document["$defs"], **document["kinds"][kind]})
            return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(made)]
    raise AssertionError(f"no schema for {kind}")


def test_each_overlay_runs_what_it_says() -> None:
    assert [each.name for each in workloads("dev")] == ["gateway", "mock", "worker", "redis"]
    assert [each.name for each in workloads("production")] == ["gateway", "worker"]


@each_overlay
def test_every_object_is_what_its_schema_allows(overlay: str) -> None:
    for made in built(overlay):
        assert complaints(made) == [], made["metadata"]["name"]


RULES = """# Why.
groups:
  - name: queues
    rules:
      - alert: Full
        expr: |
          max by (service) (bff_queue_depth)
            > 1
        labels: {severity: info}
"""


def test_rules_become_objects_of_the_operator(tmp_path: Path) -> None:
    files = [tmp_path / "queues.yml", tmp_path / "slo.yml"]
    for file in files:
        file.write_text(RULES)
    made = subprocess.run([K8S / "prometheus-rules", *files], capture_output=True, text=True, check=True).stdout
    objects = list(yaml.safe_load_all(made))
    assert [each["metadata"]["name"] for each in objects] == ["bff-queues", "bff-slo"]
    for each in objects:
        assert complaints(each) == []
        assert each["spec"] == yaml.safe_load(RULES)


def test_the_base_can_be_built_alone() -> None:
    assert {each["kind"] for each in built_from(K8S / "base")} >= {"Deployment", "Service", "NetworkPolicy"}


@pytest.mark.parametrize(
    ("kind", "name", "where"),
    [
        ("Deployment", "gateway", ("spec", "template", "spec", "containers", 0, "readinessProbe")),
        ("ScaledObject", "worker", ("spec", "fallback")),
        ("PodMonitor", "gateway", ("spec", "podMetricsEndpoints", 0)),
    ],
)
def test_a_misspelt_field_is_refused(kind: str, name: str, where: tuple[str | int, ...]) -> None:
    made = json.loads(json.dumps(named("production", kind, name)))
    place = made
    for step in where:
        place = place[step]
    place["misspelt"] = 1
    assert "misspelt" in " ".join(complaints(made))


@each_of_ours
def test_what_a_container_runs_is_a_command_with_settings_that_there_are(overlay: str, name: str) -> None:
    its = workload(overlay, name)
    command = its.container["command"]
    # The ConfigMap is one for gateways and workers.
    assert set(its.environment) <= variables_of(command[1]) | variables_of("gateway") | variables_of("worker")
    settings = told(command, {key: value for key, value in its.environment.items() if not key.endswith("_FILE")})
    listens = {"http": getattr(settings, "port", None), "metrics": getattr(settings, "metrics_port", None)}
    assert its.ports == {port: number for port, number in listens.items() if number is not None}
    hosts = {getattr(settings, host, "0.0.0.0") for host in ("host", "metrics_host")}
    assert hosts == {"0.0.0.0"}


@each_of_ours
def test_probes_ask_what_is_answered(overlay: str, name: str) -> None:
    its = workload(overlay, name)
    answered = {"gateway": ON_THE_METRICS_PORT, "worker": {"/metrics"}, "mock": {"/livez"}}[name]
    probes = {kind: probe for kind, probe in its.container.items() if kind.endswith("Probe")}
    assert {"startupProbe", "livenessProbe"} <= probes.keys()
    for probe in probes.values():
        assert probe["httpGet"]["path"] in answered
        assert probe["httpGet"]["port"] == ("http" if name == "mock" else "metrics")
    if name == "gateway":
        assert probes["readinessProbe"]["httpGet"]["path"] == "/readyz"


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_there_is_time_to_drain(overlay: str, name: str) -> None:
    """Kubernetes counts preStop, too."""
    its = workload(overlay, name)
    settings = told(its.container["command"], {k: v for k, v in its.environment.items() if not k.endswith("_FILE")})
    assert isinstance(settings, GatewaySettings | WorkerSettings)
    before = its.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert before == (5 if name == "gateway" else 0)
    assert its.pod["terminationGracePeriodSeconds"] > before + settings.drain_seconds + 5


@each_workload
def test_a_pod_is_confined_and_bounded(overlay: str, name: str) -> None:
    its = workload(overlay, name)
    assert its.pod["automountServiceAccountToken"] is False
    assert its.pod["enableServiceLinks"] is False
    assert its.pod["securityContext"]["runAsNonRoot"] is True
    assert its.pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert its.container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert its.container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in its.container["resources"]["limits"]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", its.container["image"])


def test_there_is_one_image_of_ours_and_one_redis_everywhere() -> None:
    images = {each.container["image"].rpartition("/")[2] for overlay in OVERLAYS for each in workloads(overlay)}
    assert images == {f"async-bff-gateway:{PYPROJECT['project']['version']}", composed()["redis"]["image"]}
    assert workload("dev", "redis").container["command"] == composed()["redis"]["command"]
    assert re.findall(r"^USER (\d+)$", text("Dockerfile"), re.MULTILINE) == [
        str(workload("dev", "gateway").pod["securityContext"]["runAsUser"])
    ]


def selectors(made: Object) -> list[Object]:
    """Those of pods of the same namespace."""
    spec = made.get("spec", {})
    match made["kind"]:
        case "Service":
            return [{"matchLabels": spec["selector"]}]
        case "PodDisruptionBudget" | "PodMonitor" | "Deployment" | "StatefulSet":
            return [spec["selector"]]
        case "NetworkPolicy":
            rules = [*spec.get("ingress", []), *spec.get("egress", [])]
            peers = [peer for rule in rules for peer in (*rule.get("from", []), *rule.get("to", []))]
            inside = [
                peer["podSelector"] for peer in peers if "podSelector" in peer and "namespaceSelector" not in peer
            ]
            return [spec["podSelector"], *inside]
    return []


@each_overlay
def test_every_selector_finds_somebody(overlay: str) -> None:
    for made in built(overlay):
        for selector in selectors(made):
            assert any(selects(selector, each.labels) for each in workloads(overlay)), made["metadata"]["name"]


@each_overlay
def test_autoscalers_and_services_lead_to_what_there_is(overlay: str) -> None:
    names = {each.name for each in workloads(overlay)}
    for scaler in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject"):
        assert scaler["spec"]["scaleTargetRef"]["name"] in names
    for service in of_kind(overlay, "Service"):
        its = workload(overlay, service["metadata"]["name"])
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= its.ports.keys()


@each_overlay
def test_how_many_there_are_is_said_once(overlay: str) -> None:
    scaled = {
        each["spec"]["scaleTargetRef"]["name"] for each in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject")
    }
    counted = {each["metadata"]["name"] for each in of_kind(overlay, "Deployment") if "replicas" in each["spec"]}
    assert scaled & counted == set()
    assert scaled | counted == {each["metadata"]["name"] for each in of_kind(overlay, "Deployment")}


@each_overlay
def test_nothing_goes_in_or_out_of_a_pod_that_no_policy_names(overlay: str) -> None:
    specs = [policy["spec"] for policy in of_kind(overlay, "NetworkPolicy")]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in specs


def test_network_policies_let_through_what_is_needed_and_nothing_else() -> None:
    open_ways = {
        (client.name, server.name)
        for client in workloads("dev")
        for server in workloads("dev")
        if any(may_connect("dev", client.name, server.name, port) for port in server.ports.values())
    }
    assert open_ways == {("gateway", "redis"), ("worker", "redis"), ("gateway", "mock"), ("worker", "mock")}


@each_overlay
def test_from_outside_only_the_ingress_and_prometheus_come_in(overlay: str) -> None:
    found = set()
    for policy in of_kind(overlay, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            for peer in rule["from"]:
                assert peer.keys() <= {"namespaceSelector", "podSelector"}
                if where := peer.get("namespaceSelector"):
                    ports = tuple(port["port"] for port in rule["ports"])
                    found.add((where["matchLabels"]["kubernetes.io/metadata.name"], ports))
    gateway, worker = workload(overlay, "gateway"), workload(overlay, "worker")
    assert gateway.ports["metrics"] == worker.ports["metrics"]
    assert found == {("ingress", (gateway.ports["http"],)), ("monitoring", (gateway.ports["metrics"],))}


@each_overlay
def test_webhooks_go_to_public_addresses_alone_and_from_workers(overlay: str) -> None:
    to_all = [policy for policy in of_kind(overlay, "NetworkPolicy") if "0.0.0.0/0" in json.dumps(policy)]
    (policy,) = to_all
    assert selects(policy["spec"]["podSelector"], workload(overlay, "worker").labels)
    assert not selects(policy["spec"]["podSelector"], workload(overlay, "gateway").labels)
    (rule,) = policy["spec"]["egress"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(
        rule["to"][0]["ipBlock"]["except"]
    )


def scaled() -> dict[str, Any]:
    spec: dict[str, Any] = named("production", "ScaledObject", "worker")["spec"]
    return spec


def test_there_are_never_more_workers_than_the_services_take_calls() -> None:
    services = load_catalog(PRODUCTION / "services.toml").services.values()
    taken = sum(
        min(service.rate_per_second or float("inf"), service.max_concurrency / service.expected_seconds)
        for service in services
    )
    assert f"{taken:,.0f} calls a second" in (PRODUCTION / "autoscaling.yaml").read_text()
    most = ceil(taken / CALLS_A_WORKER_MAKES)
    assert f"= {taken:,.0f} calls a second: {most} workers at most" in text("docs/deploying.md")
    assert scaled()["maxReplicaCount"] == most
    assert scaled()["minReplicaCount"] == 2
    assert 2 <= scaled()["fallback"]["replicas"] <= scaled()["maxReplicaCount"]


def test_workers_become_more_faster_than_fewer() -> None:
    for spec in (
        scaled()["advanced"]["horizontalPodAutoscalerConfig"],
        named("dev", "HorizontalPodAutoscaler", "gateway")["spec"],
    ):
        up, down = spec["behavior"]["scaleUp"], spec["behavior"]["scaleDown"]
        assert up["stabilizationWindowSeconds"] < down["stabilizationWindowSeconds"]
        assert up["policies"][0]["type"] == "Percent"
        assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": down["policies"][0]["periodSeconds"]}]


def test_lag_is_asked_of_the_lanes_that_there_are() -> None:
    """KEDA takes pending entries for the queue where lagCount is not given, and the stream's length without a group."""
    asked = [trigger["metadata"] for trigger in scaled()["triggers"] if trigger["type"] == "redis-streams"]
    assert [metadata["stream"] for metadata in asked] == [Keys().lane("payments", priority) for priority in Priority]
    for metadata in asked:
        assert metadata["consumerGroup"] == GROUP
        assert int(metadata["lagCount"]) == 5 * CALLS_A_WORKER_MAKES
        known = {"address", "enableTLS", "stream", "consumerGroup", "lagCount", "activationLagCount"}
        assert metadata.keys() == known


def test_prometheus_is_asked_for_metrics_that_there_are_and_never_for_their_sum_over_gateways() -> None:
    asked = [trigger["metadata"] for trigger in scaled()["triggers"] if trigger["type"] == "prometheus"]
    assert {metadata["query"] for metadata in asked} == {
        "sum(max by (service, priority) (bff_queue_depth))",
        "max(bff_predicted_wait_seconds)",
    }
    for metadata in asked:
        (metric,) = re.findall(r"bff_\w+", metadata["query"])
        assert any(f"| `{metric}` |" in page.read_text() for page in (ROOT / "docs").glob("*.md"))
        assert metadata["ignoreNullValues"] == "false"  # else no Prometheus would look like no queue


def test_the_files_of_production_are_good_and_mounted() -> None:
    catalog = load_catalog(PRODUCTION / "services.toml")
    clients = ClientRegister(PRODUCTION / "clients.toml").now()
    offered = {name for client in clients.by_name.values() for name in client.operations or ()}
    assert offered <= catalog.operations.keys()
    for name in ("gateway", "worker"):
        its = workload("production", name)
        (volume,) = its.pod["volumes"]
        (mount,) = its.container["volumeMounts"]
        files = named("production", "ConfigMap", volume["configMap"]["name"])["data"]
        assert {its.environment["SERVICES_FILE"], its.environment["CLIENTS_FILE"]} == {
            f"{mount['mountPath']}/{file}" for file in files
        }
    slowest = max(service.timeout_seconds for service in catalog.services.values())
    assert int(workload("production", "worker").environment["DRAIN_SECONDS"]) >= slowest


def test_no_secret_is_in_what_production_is_made_of_and_the_example_names_all_of_them() -> None:
    assert of_kind("production", "Secret") == []
    example = {
        each["metadata"]["name"]: each["stringData"]
        for each in yaml.safe_load_all((PRODUCTION / "secrets.example.yaml").read_text())
    }
    asked = set(re.findall(r"\"\$\{(\w+)\}\"", (PRODUCTION / "clients.toml").read_text()))
    assert example["clients"].keys() == asked
    (authentication,) = of_kind("production", "TriggerAuthentication")
    asked_by_keda = {each["key"] for each in authentication["spec"]["secretTargetRef"]}
    assert example["redis"].keys() == {"url"} | asked_by_keda


def test_the_ingress_has_every_path_but_those_of_operators() -> None:
    settings = GatewaySettings()
    app = create_app(settings, load_catalog(), ClientRegister(settings.clients_file))
    paths = set(paths_of(app.routes))
    assert {"/", "/docs", "/jobs/{job_id}", "/metrics"} <= paths
    inside = {path for path in paths if path.startswith(("/admin", "/console")) or path in ON_THE_METRICS_PORT}
    (rule,) = named("production", "Ingress", "gateway")["spec"]["rules"]
    assert {path for path in paths if not led_to(path, rule)} == inside


def paths_of(routes: Iterable[Any]) -> Iterator[str]:
    """Those of routers that were included are a level below."""
    for route in routes:
        if included := getattr(route, "original_router", None):
            yield from paths_of(included.routes)
        else:
            yield route.path


def led_to(path: str, rule: Object) -> bool:
    return any(
        path == each["path"] or (each["pathType"] == "Prefix" and path.startswith(f"{each['path']}/"))
        for each in rule["http"]["paths"]
    )
