import asyncio
import io
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TextIO

import pytest

from loadtest.progress import Phase, Progress
from loadtest.watch import live_view
from loadtest.watch.frame import Counts, Frame, Style, bar, clock, fitted
from loadtest.watch.live_view import LiveView
from loadtest.watch.standing import Standing
from loadtest.watch.truth import Metrics
from scenario.result import End
from tests.loadtest.screen import Screen, screen
from tests.loadtest.test_truth import IDLE
from tests.scenario.played import a_stage

ESCAPE = re.compile(r"\x1b\[[\d;]*m")


def a_progress(at: float = 30.0, **changes: object) -> Progress:
    """Half a minute into a minute."""
    progress = Progress(60, 1000, start=time.perf_counter() - at)
    progress.sent, progress.attempts, progress.accepted, progress.clients = 500, 520, 480, 120
    progress.rejected_by_reason = Counter({"queue-full": 40})
    progress.ends = Counter({End.SUCCEEDED: 360, End.REJECTED: 20})
    for seconds in [0.004] * 99 + [0.02]:
        progress.recent_accept.append(seconds)
    for name, value in changes.items():
        setattr(progress, name, value)
    return progress


def a_frame(progress: Progress | None = None, **changes: object) -> Frame:
    facts: dict[str, object] = {
        "scenario": "spike",
        "service": "payments",
        "capacity": 400,
        "patience": 60.0,
        "progress": progress or a_progress(),
        "rates": {"offered": 50.2, "accepted": 40.0, "served": 12.5, "rejected": 10.0, "expired": 0.0},
        "standing": None,
    }
    return Frame(**(facts | changes))  # type: ignore[arg-type]


def waiting(depth: float) -> Standing:
    return Standing(**{**{name: getattr(IDLE, name) for name in IDLE.__slots__}, "depth": depth, "oldest_age": 12.3})


def text_of(frame: Frame, width: int = 120) -> str:
    return "\n".join(frame.lines(width, colour=False, blocks=True))


def test_a_frame_says_what_comes_and_what_is_done() -> None:
    text = text_of(a_frame(standing=waiting(300)))
    assert "spike" in text
    assert "0:30 of 1:00, 0:30 left" in text
    for rate in ("offered 50.2/s", "accepted 40.0/s", "served 12.5/s", "rejected 10.0/s"):
        assert rate in text
    assert "300 of 400" in text
    assert "oldest 12.30 s" in text
    assert "accept p50 4 ms p99 4 ms" in text
    assert "sent 500 of 1,000  under way 120  succeeded 360" in text


def test_what_is_not_told_is_not_shown_as_zero() -> None:
    assert "payments: not told" in text_of(a_frame())
    assert "told p50 - p99 -" in text_of(a_frame())


@pytest.mark.parametrize(("depth", "style"), [(100, Style.GREEN), (300, Style.YELLOW), (360, Style.RED)])
def test_the_queue_turns_red_as_it_fills(depth: float, style: Style) -> None:
    line = a_frame(standing=waiting(depth)).lines(120, colour=True, blocks=True)[2]
    assert f"\x1b[{style}m█" in line


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (20, 40, 80, 200):
        lines = a_frame(standing=waiting(300)).lines(width, colour=True, blocks=True)
        assert max(len(ESCAPE.sub("", line)) for line in lines) < width


def test_what_a_terminal_cannot_show_is_drawn_with_what_every_one_can() -> None:
    assert "\n".join(a_frame(standing=waiting(300)).lines(120, colour=False, blocks=False)).isascii()


def test_clients_that_wait_are_waited_for_no_longer_than_they_have_patience() -> None:
    text = text_of(a_frame(a_progress(at=80, phase=Phase.WAITING)))
    assert "1:20, 120 clients wait, 0:40 left at most" in text


def test_one_line_tells_it_all_in_a_log() -> None:
    line = a_frame(standing=waiting(300)).line()
    assert "\n" not in line
    assert line.startswith("spike: 0:30 of 1:00, 0:30 left; offered 50.2/s accepted 40.0/s")
    assert "payments 300 of 400" in line


def test_rates_are_of_what_came_in_between() -> None:
    before, after = Counts(10, 100, 90, 50, 10, 0), Counts(12, 200, 150, 75, 40, 1)
    assert after.per_second(before) == {
        "offered": 50,
        "accepted": 30,
        "served": 12.5,
        "rejected": 15,
        "expired": 0.5,
    }


def test_a_bar_shows_what_little_there_is() -> None:
    assert bar(0.001, 10, ("#", ".")) == "#........."
    assert bar(1.5, 10, ("#", ".")) == "##########"


def test_a_clock_has_hours_where_it_needs_them() -> None:
    assert [clock(seconds) for seconds in (5, 65, 3665, -1)] == ["0:05", "1:05", "1:01:05", "0:00"]


def test_a_row_is_cut_between_its_pieces_too() -> None:
    row = [("abc", Style.RED), ("def", Style.PLAIN), ("ghi", Style.BOLD)]
    assert fitted(row, 5, colour=False) == "abcde"
    assert fitted(row, 5, colour=True) == "\x1b[31mabc\x1b[0mde"


@pytest.fixture
def terminal() -> Iterator[Screen]:
    with screen() as opened:
        yield opened


async def shown(stream: TextIO, environment: Mapping[str, str], until: asyncio.Event | None = None) -> None:
    view = LiveView(a_stage(), Metrics([], "payments"), stream, environment)
    task = asyncio.create_task(view.watch(a_progress()))
    if until:
        await until.wait()
    else:
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def drawn(terminal: Screen, environment: Mapping[str, str], frames: int = 2) -> list[str]:
    """What stood there when so many frames had been drawn."""
    standing: list[str] = []

    async def run() -> None:
        enough = asyncio.Event()
        with terminal.stream() as stream:
            task = asyncio.create_task(shown(stream, environment, enough))
            while terminal.read().count("spike") < frames and not task.done():
                await asyncio.sleep(0.01)
            standing.extend(terminal.lines)
            enough.set()
            await task

    asyncio.run(run())
    return standing


def test_a_frame_is_drawn_over_the_one_before_and_gone_in_the_end(terminal: Screen) -> None:
    lines = drawn(terminal, {}, frames=3)
    assert len([line for line in lines if "spike" in line]) == 1
    assert len(lines) == 5
    assert terminal.lines == []


def test_colours_are_left_out_where_nobody_wants_them(terminal: Screen) -> None:
    drawn(terminal, {"NO_COLOR": "1"})
    assert not ESCAPE.search(terminal.seen)


def test_colours_are_there_otherwise(terminal: Screen) -> None:
    drawn(terminal, {})
    assert ESCAPE.search(terminal.seen)


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"TERM": "dumb"}])
def test_nothing_is_redrawn_where_nobody_watches(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_view, "SAID_SECONDS", 0.05)
    with screen(columns=300) as terminal:
        lines = drawn(terminal, environment)
        assert "\x1b" not in terminal.seen
    assert all(line.startswith("spike: ") for line in lines)


def test_a_short_run_into_a_file_says_nothing() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    asyncio.run(shown(stream, {}))
    assert stream.tell() == 0
