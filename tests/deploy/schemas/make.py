"""Writes the schemas beside it anew. They are what is left of three packages; see README.md here.

    uv run --no-project --with kubernetes-validate==1.37.0 --with cloudcoil-models-keda==2.16.1.0 \
      --with cloudcoil-models-prometheus-operator==0.80.1.0 tests/deploy/schemas/make.py
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Schema = dict[str, Any]

KUBERNETES = {
    "apps/v1": ["Deployment", "StatefulSet"],
    "v1": ["Service", "ConfigMap", "Secret", "ServiceAccount", "Namespace"],
    "networking.k8s.io/v1": ["NetworkPolicy", "Ingress"],
    "policy/v1": ["PodDisruptionBudget"],
    "autoscaling/v2": ["HorizontalPodAutoscaler"],
}
MODELS = {
    "keda.sh/v1alpha1": ("cloudcoil.models.keda.v1alpha1", ["ScaledObject", "TriggerAuthentication"]),
    "monitoring.coreos.com/v1": ("cloudcoil.models.prometheus_operator.v1", ["PodMonitor", "PrometheusRule"]),
}


def main() -> None:
    package = Path(import_module("kubernetes_validate").__file__ or "").parent
    source = package / "kubernetes-json-schema" / "v1.37.0-local" / "_definitions.json"
    _write("kubernetes", _of_kubernetes(json.loads(source.read_text())["$defs"]))
    for version, (module, kinds) in MODELS.items():
        schemas = {f"{version} {kind}": getattr(import_module(module), kind).model_json_schema() for kind in kinds}
        _write(version.partition("/")[0], schemas)


def _of_kubernetes(definitions: Schema) -> Schema:
    """The kinds that are used, each with what it refers to."""
    found: Schema = {}
    for name, definition in definitions.items():
        for known in definition.get("x-kubernetes-group-version-kind", []):
            version = "/".join(filter(None, [known["group"], known["version"]]))
            if known["kind"] in KUBERNETES.get(version, []):
                kept: Schema = {}
                _keep(definitions, name, kept)
                found[f"{version} {known['kind']}"] = {"$ref": f"#/$defs/{name}", "$defs": kept}
    return found


def _keep(definitions: Schema, name: str, kept: Schema) -> None:
    if name in kept:
        return
    kept[name] = definitions[name]
    for found in _refers_to(kept[name]):
        _keep(definitions, found, kept)


def _refers_to(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for item in schema for name in _refers_to(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix("#/$defs/")] if isinstance(schema.get("$ref"), str) else []
    return own + [name for item in schema.values() for name in _refers_to(item)]


def _closed(schema: Any) -> Any:
    """Without its prose; what it does not name is refused."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    prose = {"description", "title", "default", "format"}
    closed = {key: value for key, value in schema.items() if not (key in prose and not isinstance(value, dict))}
    closed = {key: value for key, value in closed.items() if not key.startswith("x-kubernetes-")}
    closed = {
        key: {name: _closed(item) for name, item in value.items()} if key in ("properties", "$defs") else _closed(value)
        for key, value in closed.items()
    }
    if "properties" in closed:
        closed["additionalProperties"] = False
    return closed


def _write(name: str, schemas: Schema) -> None:
    """One file for a group, its definitions shared."""
    shared: Schema = {}
    for schema in schemas.values():
        shared |= _closed(schema.pop("$defs", {}))
    kinds = {kind: _closed(schema) for kind, schema in sorted(schemas.items())}
    document = {"$defs": dict(sorted(shared.items())), "kinds": kinds}
    (HERE / f"{name}.json").write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
