"""The services that the gateway is measured with: room for all that is sent, so that nothing is turned away."""

import tomllib
from pathlib import Path

from bff.catalog.services import SHIPPED_SERVICES

CONCURRENCY = 100  # what the peers' workers are given

_SERVICE = """
[services.{name}]
base_url = "{url}"
max_concurrency = {concurrency}
inline_concurrency = 10
timeout_seconds = 60.0
expected_seconds = {seconds}
capacity = 5_000_000
"""


def services_file(directory: Path, downstream: str, concurrency: int = CONCURRENCY) -> Path:
    """All that the operations ask for."""
    file = directory / "services.toml"
    names = tomllib.loads(SHIPPED_SERVICES.read_text())["services"]
    # Hardly a call's time: at the end of a long queue too, a job is expected to be done before its deadline.
    shown = [_SERVICE.format(name=name, url=downstream, concurrency=concurrency, seconds=0.00001) for name in names]
    file.write_text("".join(shown))
    return file
