"""What is exported is what the live stack then reads: the same services as the stage has them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bff.catalog.catalog import Catalog, load_catalog
from scenario.export import NotExported, services_toml, settings, toml
from scenario.model import Scenario
from scenario.reading import read_scenario, shipped_names
from scenario.stage import Stage, stage_of
from stack.cli import main

CATALOG = load_catalog()
HOST = "http://127.0.0.1:9000"


def a_stage(**changes: Any) -> Stage:
    traffic = {"baseline_per_second": 10}
    payments = {"name": "payments", "max_concurrency": 100, "rate_per_second": 40, "time": {"mean_seconds": 0.8}}
    document = {"name": "s", "traffic": traffic, "services": [payments]} | changes
    return stage_of(Scenario.model_validate_json(json.dumps(document)), CATALOG)


def read_back(stage: Stage, directory: Path) -> Catalog:
    file = directory / "services.toml"
    file.write_text(services_toml(stage, CATALOG))
    return load_catalog(file, downstream_url=HOST)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"queue": {"admission": "none"}},
        {"queue": {"admission": "capacity", "capacity": 7, "shares": {"high": 1.0, "normal": 0.5, "low": 0.1}}},
        {"queue": {"ttl_seconds": 0}},
        {"services": [{"name": "orders", "time": {"distribution": "gamma", "mean_seconds": 9.7, "cv": 0.4}}]},
        {"queue": {"capacity": 10_000_000}},
        {"services": []},
    ],
)
def test_what_is_exported_is_read_back_as_the_stage_has_it(tmp_path: Path, changes: dict[str, Any]) -> None:
    stage = a_stage(**changes)
    read = read_back(stage, tmp_path)
    for name, service in read.services.items():
        meant = stage.services[name].service if name in stage.services else CATALOG.services[name]
        assert service == meant.model_copy(update={"base_url": f"{HOST}/{name}"})
    assert read.services.keys() == CATALOG.services.keys()


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_scenario_can_be_exported(tmp_path: Path, name: str) -> None:
    stage = stage_of(read_scenario(name, CATALOG), CATALOG)
    read = read_back(stage, tmp_path)
    assert {each.admission for each in read.services.values()} >= {stage.scenario.queue.admission}


@pytest.mark.parametrize("discipline", ["lifo", "priority"])
def test_an_order_that_the_live_stack_does_not_serve_in_is_refused(discipline: str) -> None:
    with pytest.raises(NotExported, match=f"queue.discipline {discipline}: the live stack serves lanes by weight"):
        services_toml(a_stage(queue={"discipline": discipline}), CATALOG)


def test_first_come_first_served_is_what_one_lane_does_and_several_do_not() -> None:
    services_toml(a_stage(queue={"discipline": "fifo"}), CATALOG)
    mix = [{"priority": "high", "share": 0.5}, {"priority": "low", "share": 0.5}]
    with pytest.raises(NotExported, match=r"queue\.discipline fifo"):
        services_toml(a_stage(queue={"discipline": "fifo"}, traffic={"baseline_per_second": 1, "mix": mix}), CATALOG)


def test_what_no_client_may_ask_for_is_refused_instead_of_cut_short() -> None:
    services_toml(a_stage(clients={"timeout_seconds": 120}), CATALOG)
    for changes in ({"clients": {"timeout_seconds": 121}}, {"queue": {"ttl_seconds": 120}}):
        with pytest.raises(NotExported, match=r"clients of checkout ask for .* s: its max_timeout_seconds is 120"):
            services_toml(a_stage(**changes), CATALOG)


def test_a_synchronous_scenario_bounds_what_a_gateway_holds() -> None:
    assert settings(a_stage()) == {}
    assert settings(a_stage(pattern="sync", gateway_concurrency=50)) == {"MAX_SYNC": "50"}


def test_values_are_written_as_toml_has_them() -> None:
    assert toml({"a": True, "b": 'x"\\y', "c": 1e-7}) == '{ a = true, b = "x\\"\\\\y", c = 1e-07 }'


def test_bff_export_says_in_one_line_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = CliRunner().invoke(main, ["export", "smoke", "-d", str(tmp_path / "file" / "within")])
    assert ran.exit_code == 2
    assert ran.stderr == f"Error: bff export: {tmp_path}/file/within: Not a directory\n"
