"""The dashboards as Grafana would load them: it is not to be had here, so what it asks of a file is checked by hand."""

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import DASHBOARDS, panels
from tests.project.tree import text

KINDS = {"row", "stat", "state-timeline", "timeseries"}
UNITS = {"none", "s", "percentunit", "reqps", "bytes"}
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.fixture(params=DASHBOARDS, ids=lambda file: file.stem)
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    path: Path = request.param
    found: dict[str, Any] = json.loads(path.read_text())
    assert found["uid"] == f"bff-{path.stem}"
    return found


def test_there_are_three() -> None:
    assert {file.stem for file in DASHBOARDS} == {"overview", "service", "operation"}


def test_a_panel_has_a_number_of_its_own_and_says_what_it_shows(dashboard: dict[str, Any]) -> None:
    numbers = Counter(panel["id"] for panel in dashboard["panels"])
    assert set(numbers.values()) == {1}
    assert {panel["type"] for panel in dashboard["panels"]} <= KINDS
    for panel in panels(dashboard):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])
        assert all(source == SOURCE for source in [panel["datasource"], *(t["datasource"] for t in panel["targets"])])


def test_no_panel_lies_on_another_or_beside_the_page(dashboard: dict[str, Any]) -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in dashboard["panels"]]
    for _, place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
    for (name, one), (other_name, other) in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (name, other_name)


def test_a_series_that_a_panel_treats_apart_is_one_of_its_own(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        apart = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert apart <= {target["legendFormat"] for target in panel["targets"]}, panel["title"]


def test_a_variable_that_is_used_is_asked_for_and_the_other_way_round(dashboard: dict[str, Any]) -> None:
    asked = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"]))) - {"__rate_interval"}
    assert used == asked


def test_what_is_the_brokers_is_never_added_up_over_gateways(dashboard: dict[str, Any]) -> None:
    page = text("docs/metrics.md")
    broker = page[page.index("## Queues and services") : page.index("## Calls")]
    names = re.findall(r"^\| `(bff_\w+)`", broker, re.MULTILINE)
    assert len(names) > 10
    for panel in panels(dashboard):
        for target in panel["targets"]:
            assert not re.search(rf"sum( by \([^)]*\))? ?\((rate\()?({'|'.join(names)})\b", target["expr"]), target


def test_what_grafana_is_given_at_its_start_points_at_prometheus_and_at_the_dashboards() -> None:
    source = text("deploy/grafana/provisioning/datasources/prometheus.yml")
    assert "uid: prometheus\n" in source
    assert "url: http://prometheus:9090\n" in source
    assert "path: /var/lib/grafana/dashboards\n" in text("deploy/grafana/provisioning/dashboards/bff.yml")
