"""A scenario as what the live stack runs: a services.toml and settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from bff.catalog.catalog import Catalog
from bff.catalog.services import Service
from scenario.model import Discipline, Pattern
from scenario.stage import Stage


class NotExported(Exception):
    """The live stack cannot be told this. Says what of it, and what could be."""


def services_toml(stage: Stage, catalog: Catalog) -> str:
    """Every service of the catalog: those of the stage as it has them. Raises NotExported."""
    discipline = stage.scenario.queue.discipline
    one_lane = discipline is Discipline.FIFO and len(stage.scenario.traffic.priorities) == 1
    if not one_lane and discipline is not Discipline.WEIGHTED:
        raise NotExported(f"queue.discipline {discipline}: the live stack serves lanes by weight (weighted)")
    _refuse_what_clients_cannot_ask_for(stage)
    head = f"# Services of the scenario {stage.scenario.name}. Written by `bff export`.\n"
    others = [each for name, each in catalog.services.items() if name not in stage.services]
    services = [*(each.service for each in stage.services.values()), *others]
    return head + "".join(f"\n[services.{each.name}]\n{_table(each)}" for each in services)


def _refuse_what_clients_cannot_ask_for(stage: Stage) -> None:
    for name, operation in stage.operations.items():
        asked, most = stage.request_timeout_seconds(name), operation.max_timeout_seconds
        if asked > most:
            raise NotExported(
                f"clients.timeout_seconds and queue.ttl_seconds have clients of {name} ask for {asked:g} s: its "
                f"max_timeout_seconds is {most:g}"
            )


def settings(stage: Stage) -> dict[str, str]:
    """Environment variables of gateways and workers."""
    if stage.scenario.pattern is Pattern.SYNC:
        return {"MAX_SYNC": str(stage.scenario.gateway_concurrency)}
    return {}


def _table(service: Service) -> str:
    return "".join(f"{key} = {value}\n" for key, value in _entries(service))


def _entries(service: Service) -> Iterator[tuple[str, str]]:
    shipped = _defaults()
    for key, value in service.model_dump(mode="json").items():
        if key == "base_url":
            yield key, f'"${{DOWNSTREAM_URL}}/{service.name}"'
        elif key != "name" and value != shipped.get(key):
            yield key, toml(value)


def _defaults() -> dict[str, Any]:
    optional = {name: field for name, field in Service.model_fields.items() if not field.is_required()}
    return {name: _plain(field.get_default(call_default_factory=True)) for name, field in optional.items()}


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def toml(value: Any) -> str:
    """A number, a string, or a table of such, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
