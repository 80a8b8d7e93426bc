"""The document: whole, of itself alone, and truthful."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from scenario.comparison.measures import measures
from scenario.comparison.named import Named
from scenario.report.page import page
from scenario.report.series_table import ROWS
from scenario.result import Figures, Percentiles, Series
from scenario.stage import Stage
from tests.scenario.report.played import the_stage

VOID = {"meta", "link", "br"}


class Read(HTMLParser):
    """The tables by caption, as rows of (text, exact value); the ids; and whether each element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tables: dict[str, list[list[tuple[str, float | None]]]] = {}
        self._rows: list[list[tuple[str, float | None]]] = []
        self._caption = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "table":
            self._rows = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append(("", None))
        elif tag == "data":
            self._rows[-1][-1] = ("", float(str(given["value"])))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "table":
            assert self._caption not in self.tables, "two tables of one caption"
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "caption":
            self._caption = data
        elif self._rows and self._rows[-1] and {"td", "th"} & set(self.open):
            text, value = self._rows[-1][-1]
            self._rows[-1][-1] = (text + data, value)


@pytest.fixture(scope="module")
def read(text: str) -> Read:
    return Read(text)


def alone(stage: Stage, figures: Figures, name: str = "run", **words: Any) -> str:
    return page(stage, [Named(name, figures)], **{"title": "A run", **words})


def test_every_element_is_closed_and_every_id_is_of_one(read: Read) -> None:
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))


def test_every_drawing_is_well_formed_and_refers_to_what_is_there(text: str, read: Read) -> None:
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) > 10
    for drawing in drawings:
        for used in ElementTree.fromstring(drawing).iter("use"):
            assert used.attrib["href"].removeprefix("#") in read.ids
    assert set(re.findall(r"url\(#(.+?)\)", text)) <= set(read.ids)
    assert set(re.findall(r'aria-(?:labelledby|describedby)="(.+?)"', text)) <= set(read.ids)


def test_the_page_asks_the_network_for_nothing(text: str) -> None:
    assert not re.search(r"https?:|//\w|@import|src=", text.replace('xmlns="http://www.w3.org/2000/svg"', ""))
    assert "default-src 'none'" in text


def test_no_number_in_the_page_is_none(text: str) -> None:
    assert not re.search(r"[\"> ](nan|inf|None|-0(\.0)?)(?![\w.])", text)


def test_each_figure_stands_in_the_table_as_it_is(read: Read, predicted: Named, measured: Named) -> None:
    rows = read.tables["All figures, and how they differ"][1:]
    ours, theirs = measures(predicted.figures), measures(measured.figures)
    assert len(rows) == len(ours | theirs)
    for name, row in zip(ours, rows, strict=True):
        first, second = ours[name].value, theirs[name].value
        assert [value for _, value in row[1:3]] == [first, second]
        if first is not None and second is not None:
            assert row[3][1] == second - first
            assert row[4][1] == ((second - first) / abs(first) if first else None)


def test_a_tables_columns_are_the_series(read: Read, predicted: Named) -> None:
    """Thinned: of depth the greatest, of flows the average of so many seconds."""
    series = predicted.figures.series
    depth = next(rows for caption, rows in read.tables.items() if caption.startswith("Queue of payments"))[1:]
    flows = next(rows for caption, rows in read.tables.items() if caption.startswith("Requests each second"))
    size = -(-len(series.seconds) // ROWS)
    assert len(depth) <= ROWS
    assert [row[1][1] for row in depth] == [
        max(series.depth[at : at + size]) for at in range(0, len(series.depth), size)
    ]
    served = [head for head, _ in flows[0]].index("Served, predicted")
    whole = len(series.seconds) // size
    assert sum(row[served][1] or 0 for row in flows[1 : whole + 1]) * size == pytest.approx(
        sum(series.served[: whole * size])
    )


def test_a_short_series_has_a_row_for_each_second(stage: Stage, predicted: Named) -> None:
    seconds = [float(second) for second in range(90)]
    figures = replace(predicted.figures, series=Series(seconds=seconds, arrived=seconds, depth=seconds))
    rows = Read(alone(stage, figures)).tables["Queue of payments"][1:]
    assert [row[1][1] for row in rows] == seconds


def test_the_peak_is_drawn_where_it_is(stage: Stage, predicted: Named, text: str) -> None:
    """A queue of 750 places that was full touches the line of its capacity."""
    chart = text.split('aria-label="Queue of payments, lines over time"')[1].split("</svg>")[0]
    line = chart.split('<g class="run-1"><path class="line" d="')[1].split('"')[0]
    highest = min(float(pair.split(" ")[1]) for pair in re.split("[ML]", line) if pair)
    limits = [float(y) for y in re.findall(r'class="limit" d="M66 ([\d.]+)H', chart)]
    assert predicted.figures.peak_depth == stage.scenario.queue.capacity
    assert highest == min(limits)


def test_names_and_words_from_outside_are_text(stage: Stage, predicted: Named) -> None:
    evil = "<img src=x onerror=alert(1)>\"'&"
    shown = alone(
        stage,
        replace(predicted.figures, rejected_by_reason={evil: 3}, load={"valid": False, "reasons": [evil], evil: evil}),
        title=evil,
        explanation=f"{evil} `{evil}`",
    )
    both = page(stage, [Named(evil, predicted.figures), Named("other", predicted.figures)], title="Two")
    for html in (shown, both):
        assert "<img" not in html
        assert "&lt;img src=x" in html
        assert Read(html).open == []


def test_an_explanation_has_paragraphs_and_code(stage: Stage, predicted: Named) -> None:
    shown = alone(stage, predicted.figures, explanation="As `bff load` said.\n\nSecond.")
    assert "<p>As <code>bff load</code> said.</p>\n<p>Second.</p>" in shown


def test_an_invalid_run_says_so_before_anything_else(stage: Stage, predicted: Named, measured: Named) -> None:
    invalid = Named("measured", replace(measured.figures, load={"valid": False, "reasons": ["it was late"]}))
    shown = page(stage, [predicted, invalid], title="Two")
    body = shown.split("</h1>")[1].strip()
    assert body.startswith(
        '<p class="alarm">Measured: invalid. What follows says nothing about the system: it was late.'
    )


def test_how_sure_a_simulation_is_stands_with_its_figure(stage: Stage, predicted: Named) -> None:
    sure = {"shares.succeeded": (0.26, 0.28), "peak_depth": (749.0, 751.0)}
    rows = Read(alone(stage, replace(predicted.figures, interval_95=sure))).tables["All figures"]
    texts = {row[0][0]: row[1][0].replace("\u00a0", " ") for row in rows}
    assert texts["Deepest queue"] == "750 ± 1"
    assert texts["Succeeded"].endswith(" % ± 1 %")


def test_a_run_without_series_spikes_or_latencies_is_shown_for_what_it_has(predicted: Named) -> None:
    stage = the_stage(traffic={"spikes": []})
    nothing = Percentiles()
    bare = replace(
        predicted.figures,
        series=Series(),
        spike={},
        by_priority={},
        slo=[],
        percentile_points={},
        wait_seconds=nothing,
        result_seconds=nothing,
        told_seconds=nothing,
    )
    shown = alone(stage, bare)
    assert Read(shown).open == []
    assert "Second by second" not in shown
    assert "How long it took" not in shown
    assert "No thresholds were set." in shown


def test_up_to_six_runs_of_different_names_are_shown(stage: Stage, predicted: Named) -> None:
    runs = [Named(f"run {number}", predicted.figures) for number in range(6)]
    assert Read(page(stage, runs, title="Six")).open == []
    for wrong in ([], [*runs, Named("one more", predicted.figures)], [predicted, predicted]):
        with pytest.raises(ValueError, match="1 to 6 runs"):
            page(stage, wrong, title="Wrong")
