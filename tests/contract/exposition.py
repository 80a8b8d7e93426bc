"""What a scrape shows, as Prometheus reads it."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families

SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}


@dataclass(frozen=True, slots=True)
class Shown:
    """One metric: its samples by name and labels, `le` of buckets among them."""

    type: str
    help: str
    labels: frozenset[str]
    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        return self.samples[name, frozenset(labels.items())]


async def shown_by(http: httpx.AsyncClient, url: str) -> dict[str, Shown]:
    """By name, as docs and rules have it: of a counter with _total, of a histogram without a suffix."""
    answer = await http.get(f"{url}/metrics")
    assert answer.status_code == 200
    found = {}
    for family in text_string_to_metric_families(answer.text):
        samples = {(each.name, frozenset(each.labels.items())): each.value for each in family.samples}
        labels = frozenset(label for each in family.samples for label in each.labels) - {"le"}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        if name.startswith(("bff_", "process_")):
            found[name] = Shown(family.type, family.documentation, labels, samples)
    return found
