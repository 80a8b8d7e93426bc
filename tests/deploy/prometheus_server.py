"""A Prometheus of one's own, that scrapes a stack every half second and applies the project's rules as fast."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.contract.stack import Up
from tests.deploy.files import PROMETHEUS, tool
from tests.faults.processes import Process, free_port

CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [{rules}/*.yml]
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ["{gateway}"]}}]
  - job_name: worker
    static_configs: [{{targets: ["{worker}"]}}]
"""


class PrometheusServer:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def asked(self, expr: str) -> list[dict[str, Any]]:
        """What a query brings: of each series its labels, under `metric`, and its value."""
        answer = await self._http.get("/api/v1/query", params={"query": expr})
        assert answer.status_code == 200, f"{expr}: {answer.text}"
        rows: list[dict[str, Any]] = answer.json()["data"]["result"]
        return rows

    async def rules(self) -> list[dict[str, Any]]:
        """Those of all groups, as they were loaded, with their health."""
        groups = (await self._http.get("/api/v1/rules")).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def until(self, expr: str) -> list[dict[str, Any]]:
        """What it brings once that is something."""
        while not (rows := await self.asked(expr)):
            await asyncio.sleep(0.1)
        return rows

    async def until_it_listens(self, process: Process) -> None:
        while True:
            assert process.alive, process.log.read_text()
            try:
                if (await self._http.get("/-/ready")).status_code == 200:
                    return
            except httpx.ConnectError:
                pass
            await asyncio.sleep(0.05)


@asynccontextmanager
async def prometheus_of(stack: Up, directory: Path) -> AsyncIterator[PrometheusServer]:
    binary = tool("prometheus", "prometheus")
    config = directory / "prometheus.yml"
    targets = {"gateway": stack.gateway_url, "worker": stack.worker_url}
    addresses = {name: url.removeprefix("http://") for name, url in targets.items()}
    config.write_text(CONFIG.format(rules=PROMETHEUS / "rules", **addresses))
    address = f"127.0.0.1:{free_port()}"
    options = [
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={address}",
    ]
    process = Process([binary, *options], directory / "prometheus.log")
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", verify=False, trust_env=False) as http:
            server = PrometheusServer(http)
            await server.until_it_listens(process)
            yield server
    finally:
        process.kill()
