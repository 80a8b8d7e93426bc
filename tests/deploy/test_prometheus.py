"""Rules and configuration, checked by Prometheus' own tools and run by a Prometheus that scrapes a live stack."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from tests.contract.calls import CART, CHECKOUT, ECHO, HI
from tests.contract.stack import Up
from tests.deploy.files import PROMETHEUS, RULE_TESTS, RULES, Alert, alerts, queries, said_by, selectors, tool
from tests.deploy.prometheus_server import prometheus_of
from tests.docs import runbooks
from tests.project.tree import ROOT

CHECK = re.compile(r"eval_time: \w+,?\s+alertname: (\w+),?\s+exp_alerts:(.*)$", re.MULTILINE)


@pytest.fixture
def promtool() -> str:
    return tool("promtool", "prometheus")


def test_promtool_finds_nothing_in_the_rules_and_something_in_one_that_is_none(promtool: str, tmp_path: Path) -> None:
    check = (promtool, "check", "rules", "--lint=all", "--lint-fatal")
    code, said = said_by(*check, *map(str, RULES))
    assert code == 0, said
    bad = tmp_path / "bad.yml"
    bad.write_text("groups: [{name: bad, rules: [{record: bad, expr: sum bye (service) (bff_queue_depth)}]}]")
    assert said_by(*check, str(bad))[0] != 0


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.stem)
def test_alerts_fire_when_they_should_and_at_no_other_time(promtool: str, file: Path) -> None:
    code, said = said_by(promtool, "test", "rules", str(file))
    assert code == 0, said


def test_every_alert_is_tested_firing_and_silent() -> None:
    checks = [match for file in RULE_TESTS for match in CHECK.findall(file.read_text())]
    names = {alert.name for alert in alerts()}
    assert {name for name, expected in checks if "[]" in expected} == names
    assert {name for name, expected in checks if "[]" not in expected} == names


def test_promtool_and_amtool_find_nothing_in_what_compose_mounts(promtool: str) -> None:
    code, said = said_by(promtool, "check", "config", "--lint=all", str(PROMETHEUS / "prometheus.yml"))
    assert code == 0, said
    alertmanager = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
    code, said = said_by(tool("amtool", "prometheus-alertmanager"), "check-config", str(alertmanager))
    assert code == 0, said


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_look(alert: Alert) -> None:
    assert alert.field("severity") in ("info", "warning", "critical")
    assert alert.field("summary")
    assert alert.field("description")
    [page] = [page for page in runbooks.PAGES if alert.name in runbooks.alerts(page)]
    assert alert.field("runbook_url") == f"{page.relative_to(ROOT)}#{alert.name.lower()}"


@pytest.mark.anyio
async def test_every_expression_of_rules_and_dashboards_stands_on_series_that_a_stack_shows(
    stack: Up, api: httpx.AsyncClient, tmp_path: Path
) -> None:
    for path, body in ((ECHO, HI), (CHECKOUT, CART)):
        await api.post(path, json=body, headers={"Prefer": "wait=20"})
    async with prometheus_of(stack, tmp_path) as prometheus:
        await prometheus.until("service:bff_utilisation:ratio and on () slo:bff_jobs_errors:ratio_rate5m")
        rules = await prometheus.rules()
        assert {(rule["name"], rule["health"], rule.get("lastError", "")) for rule in rules} == {
            (rule["name"], "ok", "") for rule in rules
        }
        asked = list(queries())
        known = set()
        for selector in sorted({each for query in asked for each in selectors(query.expr)} | _in(rules)):
            try:
                async with asyncio.timeout(60):  # of a scrape that came late it shows nothing until the next
                    rows = await prometheus.until(selector)
            except TimeoutError:
                pytest.fail(f"no stack shows {selector}")
            known |= {label for row in rows for label in row["metric"]}
        for query in asked:
            wanted = set(re.findall(r"{{(\w+)}}", query.legend))
            for row in await prometheus.asked(query.expr):
                assert wanted <= row["metric"].keys(), query
            assert wanted <= known, query


def _in(rules: list[dict[str, str]]) -> set[str]:
    return {each for rule in rules for each in selectors(rule["query"])}
