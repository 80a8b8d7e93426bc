"""The alerts of a spike, live: `bff up`, a real Prometheus with the rules of deploy/prometheus, more checkouts than
payments can bear, and which alerts fired and were resolved, in order, with times.

    python loadtest/benchmarks/alerts_run.py
    python loadtest/benchmarks/alerts_run.py --hasten 1 --seconds 300

Needs `prometheus` on PATH. `--hasten` divides how long a condition must hold (`for`) before an alert fires;
expressions, and the windows in them, stay as they are: what looks back over five minutes is resolved five minutes
after. Payments gets fewer waiting places than shipped (`--capacity`), or newcomers would be refused by their deadline
long before half of them are taken. Alerts whose windows are longer than the run go on firing at its end.
"""

import argparse
import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import uvloop
from live_stack import LiveStack, live_stack
from open_loop import Phase, beside, many_connections, report_accepting, submit_on_time
from referee import Referee

from bff.catalog.services import SHIPPED_SERVICES

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"
CHARGE_SECONDS = 4.0
"""On 100 slots, 25 a second: the spike that is needed is one that a small machine can send."""
LOOK_SECONDS = 0.5
SECONDS_OF = {"s": 1, "m": 60}
Labels = tuple[tuple[str, str], ...]

CONFIG = """
global: {{scrape_interval: 5s, scrape_timeout: 4s, evaluation_interval: 5s}}
rule_files: [{rules}/*.yml]
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ["{gateway}"]}}]
  - job_name: worker
    static_configs: [{{targets: ["{worker}"]}}]
"""


class Diary:
    """What fires, and what did: each alert by its labels."""

    def __init__(self, began: float) -> None:
        self.firing: dict[Labels, float] = {}
        self._began = began

    def note(self, alerts: Sequence[Mapping[str, Mapping[str, str]]]) -> None:
        """Says what is new since it was last told."""
        at = time.monotonic() - self._began
        now = {tuple(sorted(each["labels"].items())) for each in alerts}
        for labels in sorted(now - self.firing.keys()):
            self.firing[labels] = at
            print(f"{at:6.1f} s  fires     {shown(labels)}", flush=True)
        for labels in sorted(self.firing.keys() - now):
            print(f"{at:6.1f} s  resolved  {shown(labels)}, after {at - self.firing.pop(labels):.1f} s", flush=True)


def shown(labels: Labels) -> str:
    named = dict(labels)
    name, severity = named.pop("alertname"), named.pop("severity")
    return f"{severity:<8}  {name}" + (f" ({', '.join(named.values())})" if named else "")


def hastened(rules: str, by: float) -> str:
    """With each `for` so many times shorter, in whole seconds."""

    def shorter(found: re.Match[str]) -> str:
        return f"for: {max(1, round(int(found[1]) * SECONDS_OF[found[2]] / by))}s"

    return re.sub(r"\bfor: (\d+)([sm])\b", shorter, rules)


@contextmanager
def prometheus(stack: LiveStack, directory: Path, hasten: float) -> Iterator[str]:
    """Its URL. It scrapes as often as the one of docker-compose.yml."""
    binary = shutil.which("prometheus")
    if binary is None:
        raise SystemExit("no prometheus on this machine: install the package prometheus")
    rules = directory / "rules"
    rules.mkdir()
    for file in RULES.glob("*.yml"):
        (rules / file.name).write_text(hastened(file.read_text(), hasten))
    config = directory / "prometheus.yml"
    targets = {name: stack.urls[name].removeprefix("http://") for name in ("gateway", "worker")}
    config.write_text(CONFIG.format(rules=rules, **targets))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    options = [f"--config.file={config}", f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address={address}"]
    with subprocess.Popen([binary, *options, "--log.level=error"]) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


@contextmanager
def few_places(directory: Path, capacity: int) -> Iterator[None]:
    """`bff up` reads a services.toml in which payments has so many waiting places."""
    text = SHIPPED_SERVICES.read_text()
    head, table, rest = text.partition("[services.payments]")
    file = directory / "services.toml"
    file.write_text(
        head + table + re.sub(r"^capacity = .+$", f"capacity = {capacity}", rest, count=1, flags=re.MULTILINE)
    )
    os.environ["SERVICES_FILE"] = str(file)
    try:
        yield
    finally:
        del os.environ["SERVICES_FILE"]


async def firing(client: aiohttp.ClientSession, url: str) -> list[Mapping[str, Mapping[str, str]]]:
    try:
        async with client.get(f"{url}/api/v1/alerts") as answer:
            alerts = (await answer.json())["data"]["alerts"]
    except aiohttp.ClientError:  # it is starting
        return []
    return [each for each in alerts if each["state"] == "firing"]


async def keep(diary: Diary, client: aiohttp.ClientSession, url: str) -> None:
    while True:
        diary.note(await firing(client, url))
        await asyncio.sleep(LOOK_SECONDS)


async def until_nothing_fires(diary: Diary, patience_seconds: float) -> None:
    give_up_at = time.monotonic() + patience_seconds
    while diary.firing and time.monotonic() < give_up_at:
        await asyncio.sleep(LOOK_SECONDS)


async def run(stack: LiveStack, url: str, phases: Sequence[Phase], patience_seconds: float) -> bool:
    async with many_connections() as client:
        await Referee(client, stack.urls["mock"]).payments_take_constant_time(CHARGE_SECONDS)
        starts = 0.0
        for phase in phases:
            print(f"{starts:6.1f} s  {phase.name}: {phase.per_second:g} checkouts a second for {phase.seconds:g} s")
            starts += phase.seconds
        diary = Diary(time.monotonic())
        async with beside(asyncio.create_task(keep(diary, client, url))):
            sent = await submit_on_time(client, stack.urls["gateway"], phases)
            await until_nothing_fires(diary, patience_seconds)
        for labels, since in sorted(diary.firing.items(), key=lambda each: each[1]):
            print(f"          still fires, since {since:.1f} s: {shown(labels)}")
        report_accepting(phases, sent)
    return any(each.accepted for each in sent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=float, default=5.0, help="checkouts per second before and after")
    parser.add_argument("--spike", type=float, default=50.0, help="checkouts per second of the spike")
    parser.add_argument("--seconds", type=float, default=120.0, help="of the spike")
    parser.add_argument("--before", type=float, default=30.0, help="seconds of base rate before the spike")
    parser.add_argument("--after", type=float, default=60.0, help="seconds of base rate after the spike")
    parser.add_argument("--capacity", type=int, default=1000, help="waiting places of payments")
    parser.add_argument("--hasten", type=float, default=4.0, help="divides how long a condition must hold; 1: as it is")
    parser.add_argument(
        "--patience", type=float, default=330.0, help="seconds to wait, in the end, until nothing fires"
    )
    given = parser.parse_args()
    phases = (
        Phase("before", given.before, given.base),
        Phase("spike", given.seconds, given.spike),
        Phase("after", given.after, given.base),
    )
    with TemporaryDirectory(prefix="bff-alerts-") as temporary:
        directory = Path(temporary)
        # With --data: without it BffRedisNotPersisting fires, and rightly so.
        with (
            few_places(directory, given.capacity),
            live_stack(f"--data={directory}/redis") as stack,
            prometheus(stack, directory, given.hasten) as url,
        ):
            good = uvloop.run(run(stack, url, phases, given.patience))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
