"""`make bench`: what its rounds amount to, what it reads of others, and one part of it, run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.benchmarks.bench.asked import Asked
from loadtest.benchmarks.bench.contestants import PEER_LIBRARIES
from loadtest.benchmarks.bench.figures import Table, beside, middle, percentile, ratio, short, spread, times
from loadtest.benchmarks.bench.pages import with_tables
from loadtest.benchmarks.bench.redis_server import commands_of
from loadtest.benchmarks.peers.tally import cpu_seconds, group

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
TWO_CORES = pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2, reason="it runs on Linux with two cores"
)
TABLES = ("accept", "drain", "drain-50ms", "drain-saturated", "latency", "memory", "memory-waiting", "flat", "spike")


def rounds(*rates: float) -> list[dict[str, float]]:
    return [{"per_second": rate} for rate in rates]


def test_a_figure_is_the_median_of_its_rounds_and_the_spread_says_how_far_they_lie_apart() -> None:
    assert middle(rounds(10, 30, 20), "per_second") == 20
    assert spread(rounds(10, 30, 20), "per_second") == 1.0
    assert spread(rounds(0, 0), "per_second") == 0.0


def test_a_round_in_which_everything_was_slow_does_not_change_a_ratio() -> None:
    ours, theirs = rounds(200, 20, 220), rounds(100, 10, 100)
    assert ratio(ours, theirs, "per_second") == 2.0


def test_less_is_better_where_it_is_said_so() -> None:
    measured = {"bff": [{"cpu_us": 50.0}], "arq": [{"cpu_us": 400.0}]}
    assert times(measured, "bff", "arq", "cpu_us", inverse=True) == "8.00"
    assert times(measured, "bff", "saq", "cpu_us", inverse=True) == "–"


def test_what_another_checkout_brings_is_said_of_each_that_is_in_both() -> None:
    measured = {
        "bff": [{"cpu_us": 50.0, "commands": 0.0}],
        "bff (before), Idempotency-Key": [{"cpu_us": 100.0}],
        "bff (before)": [{"cpu_us": 200.0, "commands": 0.0}],
        "bff, Idempotency-Key": [{"cpu_us": 50.0}],
        "arq": [{"cpu_us": 50.0}],
    }
    assert beside(measured, "bff", "bff (before)") == [
        "| bff | × bff (before) |",
        "|---|---|",
        "| bff | cpu_us 0.25 |",
        "| bff, Idempotency-Key | cpu_us 0.50 |",
    ]
    assert beside(measured, "bff", "bff (after)") == []


@pytest.mark.parametrize(("value", "shown"), [(12345.6, "12,346"), (100, "100"), (12.34, "12.3"), (0.126, "0.13")])
def test_three_digits_of_a_figure_are_shown(value: float, shown: str) -> None:
    assert short(value) == shown


def test_a_percentile_of_one_is_that_one() -> None:
    assert percentile([7.0], 99) == 7.0
    assert percentile([float(each) for each in range(101)], 90) == 90.0


def test_what_scripts_call_is_not_counted_as_sent_by_clients() -> None:
    said = (
        b'1764370000.1 [0 127.0.0.1:5000] "EVALSHA" "5f" "1" "a b \\"c\\""\r\n'
        b'1764370000.2 [0 lua] "HSET" "job" "x"\r\n'
        b'1764370000.3 [0 unix:/tmp/redis.sock] "xread" "BLOCK"\r\n'
    )
    assert list(commands_of(said)) == ["evalsha", "xread"]


def test_a_table_takes_the_place_of_the_one_before_and_nothing_else_of_the_page() -> None:
    page = "before\n<!-- bench: a -->\nold\n<!-- end: a -->\nbetween\n<!-- bench: b -->\n<!-- end: b -->\nafter\n"
    table = Table("a", "Title", ("x", "y"), [("1", "2")])
    written = with_tables(page, [table], "measured so")
    assert written == (
        "before\n<!-- bench: a -->\n"
        "### Title\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\nmeasured so\n"
        "<!-- end: a -->\nbetween\n<!-- bench: b -->\n<!-- end: b -->\nafter\n"
    )
    assert with_tables(written, [table], "measured so") == written
    with pytest.raises(ValueError, match="no place for the table 'c'"):
        with_tables(page, [Table("c", "", (), ())], "")


def test_contestants_are_asked_for_by_how_their_names_begin(tmp_path: Path) -> None:
    asked = Asked(rounds=1, seconds=1, only=["bff", "arq"], against=tmp_path)
    wanted = asked.wanted(*asked.gateways(), *PEER_LIBRARIES)
    assert [each.name for each in wanted] == ["bff", f"bff ({tmp_path.name})", "arq"]


@TWO_CORES
def test_who_asks_for_nobody_that_there_is_gets_no_empty_table() -> None:
    command = [sys.executable, "-m", "loadtest.benchmarks.bench", "memory", "--only", "bf2", "--rounds", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (1, "")
    assert "make bench: memory: no contestant has a name that begins with bf2\n" in run.stderr


@TWO_CORES
def test_who_has_no_wrk_is_told_how_to_get_it() -> None:
    command = [sys.executable, "-m", "loadtest.benchmarks.bench", "accept"]
    run = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr == "make bench: wrk is not on PATH: apt install wrk\n"


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_a_place_for_every_table(name: str) -> None:
    page = PAGE.read_text()
    assert f"<!-- bench: {name} -->\n" in page
    assert f"<!-- end: {name} -->" in page


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_the_cpu_of_a_thread_that_has_ended_is_not_forgotten() -> None:
    """As a client's pool of threads would have it, the CPU that was used since would be negative."""
    code = (
        "import threading, time\n"
        "def work():\n"
        "    while time.process_time() < 0.3: pass\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start(); thread.join()\n"
        "print(flush=True); input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        assert cpu_seconds(*group(process.pid)) > 0.2
        process.stdin.write("\n")


@TWO_CORES
@pytest.mark.timeout(240)
def test_a_part_runs(tmp_path: Path) -> None:
    """The one with the most of the stack in it: gateway, worker, Redis, a downstream, and clients that wait."""
    figures = tmp_path / "figures.json"
    command = ["latency", "--rounds", "1", "--seconds", "1", "--only", "bff", "--json", str(figures)]
    run = subprocess.run(
        [sys.executable, "-m", "loadtest.benchmarks.bench", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    measured = json.loads(figures.read_text())["latency"]
    ways = {"bff, one POST that is held", "bff, POST and long poll"}
    assert measured.keys() == {"the call alone, by the same client", *ways}
    assert all(each["p50_ms"] > 0 for (each,) in measured.values())
    assert "| bff, one POST that is held |" in run.stdout
