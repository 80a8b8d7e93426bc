"""Scenarios of a second, driven at a real stack."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from loadtest.client.target import Target
from loadtest.drive import drive
from loadtest.hdr import write_logs
from loadtest.progress import Phase, Progress, Truth
from scenario.result import figures_from_json
from scenario.writing import to_toml
from stack.cli import main
from tests.contract.calls import client_of
from tests.contract.operators import CLIENT, ROOT, let_in
from tests.contract.stack import Gateway, Up, gateway
from tests.loadtest.stages import a_stage

pytestmark = pytest.mark.anyio

PAYMENTS = {
    "name": "payments",
    "max_concurrency": 100,
    "time": {"distribution": "constant", "mean_seconds": 0.3},
}
MIX = [
    {"operation": "echo", "priority": "high", "share": 0.5},
    {"operation": "checkout", "priority": "normal", "share": 0.5},
]


@pytest.fixture(scope="module")
def keyed(stack: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that asks for keys, without workers: what it serves, it serves itself."""
    file = tmp_path_factory.mktemp("clients") / "clients.toml"
    let_in(file)
    options = (f"--clients={file}", f"--downstream-url={stack.mock_url}", "--key-prefix=load", "--auth")
    with gateway(stack.redis_url, *options) as started:
        yield started


@pytest.mark.parametrize("wait", ["poll", "backoff", "long_poll", "sse", "websocket"])
async def test_every_client_is_told_what_became_of_its_job(stack: Up, wait: str) -> None:
    stage = a_stage({"mix": MIX}, {"wait": wait}, services=[PAYMENTS])
    run = await drive(stage, Target.of(stack.gateway_url), mock_url=stack.mock_url)
    figures = run.figures
    assert figures.shares["succeeded"] == 1
    assert (figures.offered, figures.accepted, figures.attempts) == (20, 20, 20)
    assert not run.failures
    assert not run.notes
    checkouts = figures.by_priority["normal"]["offered"]
    assert figures.by_priority["high"]["offered"] + checkouts == 20
    assert figures.load is not None
    assert figures.load["max_effects_per_key"] == 1
    assert figures.load["services"]["payments"]["effects"] == checkouts
    assert 0 < figures.load["services"]["payments"]["max_in_flight"] <= 100
    told, result = run.record.requests.told, run.record.requests.result
    assert all(known >= ended for known, ended in zip(told, result, strict=True))
    took = run.record.busy_for
    assert len(took) == checkouts
    assert min(took) > 0.29, "longer on a busy machine"
    assert figures.utilisation == pytest.approx(sum(took) / 100)


async def test_the_mock_is_set_for_the_run_and_put_back_to_what_it_was(stack: Up) -> None:
    async with client_of(stack.mock_url) as mock:
        steered = {"latency": {"distribution": "constant", "mean_seconds": 0.02}, "max_concurrency": 7}
        (await mock.put("/_control/payments", json=steered)).raise_for_status()
        before = (await mock.get("/_control")).json()["services"]
        seen: list[dict[str, Any]] = []

        class Look:
            async def watch(self, progress: Progress) -> None:
                seen.append((await mock.get("/_control/payments")).json())

            def truth(self) -> Truth | None:
                return None

        service = {**PAYMENTS, "error_rate": 0.25, "rate_per_second": 50}
        stage = a_stage({"mix": MIX}, services=[service], seed=5)
        await drive(stage, Target.of(stack.gateway_url), mock_url=stack.mock_url, observers=[Look()])
        after = (await mock.get("/_control")).json()["services"]
        (await mock.post("/_control/reset")).raise_for_status()
    assert {name: _settings(each) for name, each in before.items()} == {
        name: _settings(each) for name, each in after.items()
    }
    assert after["payments"]["counters"]["calls"] > 0, "what it counted stays there for others"
    assert seen[0]["latency"] == {"distribution": "constant", "mean_seconds": 0.3, "cv": 1.0}
    assert (seen[0]["max_concurrency"], seen[0]["rate_per_second"]) == (100, 50)
    assert (seen[0]["error_rate"], seen[0]["seed"]) == (0.25, 5)


async def test_a_run_without_a_mock_says_so(stack: Up) -> None:
    run = await drive(a_stage(), Target.of(stack.gateway_url), mock_url=stack.gateway_url)
    assert run.figures.shares["succeeded"] == 1
    assert run.figures.load is not None
    assert run.figures.load["max_effects_per_key"] is None
    assert "service times are as they are, effects are not counted" in run.notes[0]


async def test_a_synchronous_run_sets_the_rollout_and_resets_it(keyed: Gateway, stack: Up) -> None:
    target = Target.of(keyed.url, (CLIENT,), ROOT)
    run = await drive(a_stage(pattern="sync"), target, mock_url=stack.mock_url)
    assert run.figures.shares["succeeded"] == 1
    assert run.record.requests.accept == run.record.requests.told
    async with client_of(keyed.url) as operator:
        operator.headers["Authorization"] = f"Bearer {ROOT}"
        shares = (await operator.get("/admin/v1/rollout")).json()["rollout"]
    assert {"operation": "echo", "async_percent": 100.0} in shares


async def test_observers_see_the_run_to_its_end_and_what_they_measured_counts(stack: Up) -> None:
    class Watcher:
        phases: list[Phase] = []  # noqa: RUF012

        async def watch(self, progress: Progress) -> None:
            while True:
                if progress.phase not in self.phases:
                    self.phases.append(progress.phase)
                self.progress = progress
                await asyncio.sleep(0.01)

        def truth(self) -> Truth | None:
            readings = [(0.5, 30.0), (1.5, 0.0)]  # deeper than the 20 jobs can lie, however slowly they are done
            return Truth(
                depths=readings, depth=[30.0, 0.0], oldest_age=[0.5, 0.0], utilisation=0.7, extra={"seen": "yes"}
            )

    watcher = Watcher()
    run = await drive(a_stage(), Target.of(stack.gateway_url), observers=[watcher])
    assert watcher.phases[:2] == [Phase.SENDING, Phase.WAITING]
    assert (watcher.progress.sent, watcher.progress.clients, watcher.progress.accepted) == (20, 0, 20)
    assert (run.figures.peak_depth, run.figures.utilisation) == (30, 0.7)
    assert run.figures.series.depth[:2] == [30.0, 0.0]
    assert run.figures.load is not None
    assert run.figures.load["seen"] == "yes"


async def test_what_an_observer_raises_ends_the_run(stack: Up) -> None:
    class Broken:
        async def watch(self, progress: Progress) -> None:
            raise ConnectionError("gone")

        def truth(self) -> Truth | None:
            return None

    with pytest.raises(ConnectionError, match="gone"):
        await drive(a_stage({"duration_seconds": 60}), Target.of(stack.gateway_url), observers=[Broken()])


async def test_a_run_that_is_stopped_reports_what_there_is_and_is_invalid(stack: Up) -> None:
    stop = asyncio.Event()

    class Stopper:
        async def watch(self, progress: Progress) -> None:
            while progress.ends.total() < 5:
                await asyncio.sleep(0.01)
            stop.set()

        def truth(self) -> Truth | None:
            return None

    stage = a_stage({"duration_seconds": 600})
    run = await drive(stage, Target.of(stack.gateway_url), observers=[Stopper()], stop=stop)
    assert 5 <= run.figures.offered < 40
    assert "it was interrupted" in run.invalid[-1]
    assert not run.failures


async def test_latencies_are_written_as_logs_that_the_library_reads(stack: Up, tmp_path: Path) -> None:
    from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
    from hdrh.log import HistogramLogReader  # type: ignore[import-untyped]

    run = await drive(a_stage(), Target.of(stack.gateway_url))
    write_logs(run.record, tmp_path / "hdr")
    assert {file.name for file in (tmp_path / "hdr").iterdir()} == {
        f"{name}.hlog" for name in ("accept", "wait", "result", "told", "lag")
    }
    whole = HdrHistogram(1, 10**14, 3)
    with closing(HistogramLogReader(str(tmp_path / "hdr" / "told.hlog"), whole)) as reader:
        while reader.add_next_interval_histogram(whole):
            pass
    assert whole.get_total_count() == 20
    assert whole.get_max_value() / 1e9 == pytest.approx(max(run.record.requests.told), rel=0.002)


def bff_load(stack: Up, file: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "stack", "load", str(file), f"--target={stack.gateway_url}", *options]
    command.append(f"--mock={stack.mock_url}")
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Of a run that misses one of its thresholds."""
    stage = a_stage({"mix": MIX}, services=[PAYMENTS], slo={"success_share": 1, "result_p95_seconds": 0.001})
    (tmp_path / "test.toml").write_text(to_toml(stage.scenario))
    return tmp_path / "test.toml"


def test_the_command_prints_the_document_alone_and_ends_with_99_where_a_threshold_is_missed(
    stack: Up, file: Path
) -> None:
    process = bff_load(stack, file, "--json", "--seed=7")
    said, errors = process.communicate(timeout=60)
    figures = figures_from_json(said)
    assert figures.load is not None
    if figures.load["valid"]:  # on a machine that is very busy, the sender is late
        assert process.returncode == 99, errors
    assert [each.name for each in figures.slo if not each.met] == ["result_p95_seconds"]
    assert figures.load["seed"] == 7


def test_ctrl_c_ends_it_early_with_what_there_is_and_3(stack: Up, file: Path) -> None:
    file.write_text(re.sub("duration_seconds = .*", "duration_seconds = 600", file.read_text(), count=1))
    with httpx.Client(base_url=stack.mock_url) as mock:
        mock.post("/_control/reset").raise_for_status()  # of other runs
        process = bff_load(stack, file)
        while mock.get("/_control/payments").json()["counters"]["succeeded"] < 3:
            pass
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "it was interrupted" in said


def refused(*words: str) -> tuple[int, str]:
    """Exit code and what was said of a command that does not run."""
    result = CliRunner().invoke(main, ["load", *words])
    return result.exit_code, result.output


def test_wrong_use_is_one_line_and_2(file: Path) -> None:
    why = "192.0.2.1 is not this machine: only load what is yours to load, and say so with --allow-remote"
    assert refused(str(file), "--target=http://192.0.2.1:8000") == (2, f"Error: bff load: {why}\n")


def test_no_gateway_is_one_line_and_1(stack: Up, file: Path) -> None:
    why = f"what answers at {stack.mock_url} is no gateway: http-404"
    assert refused(str(file), f"--target={stack.mock_url}", f"--mock={stack.mock_url}") == (1, f"bff load: {why}\n")


def _settings(service: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in service.items() if key != "counters"})
