"""A closed loop of POSTs by wrk, which must be on PATH."""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from loadtest.benchmarks.bench.processes import DRIVING_CORE, NotMeasured, run

CONNECTIONS = 64
BODY = '{"cart_id": "c1", "amount_cents": 1999, "items": [{"sku": "A", "quantity": 1}]}'
HEADERS = {"Content-Type": "application/json", "Prefer": "respond-async", "Request-Timeout": "120"}
_SCRIPT = """
wrk.method = "POST"
wrk.body = [[{body}]]
wrk.headers = {{ {headers} }}
function done(summary, latency)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.status + summary.errors.timeout
  print(string.format("done %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), bad))
end
"""
_KEYS = """
local made = 0
function request()
  made = made + 1
  wrk.headers["Idempotency-Key"] = string.format("{run}-%08d", made)
  return wrk.format()
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def require_wrk() -> None:
    """SystemExit with how to get it."""
    if shutil.which("wrk") is None:
        sys.stderr.write("make bench: wrk is not on PATH: apt install wrk\n")
        sys.exit(2)


def post(url: str, seconds: int, directory: Path, *, keyed: bool = False) -> Load:
    """Raises NotMeasured where one request of them went wrong."""
    script = directory / "post.lua"
    headers = ", ".join(f'["{name}"] = "{value}"' for name, value in HEADERS.items())
    keys = _KEYS.replace("{run}", uuid4().hex) if keyed else ""
    script.write_text(_SCRIPT.format(body=BODY, headers=headers) + keys)
    said = run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url], core=DRIVING_CORE)
    requests, took_us, p50_us, p99_us, bad = map(int, re.findall(r"\d+", said.rpartition("done ")[2]))
    if bad or not requests:
        raise NotMeasured(f"{bad} of {requests} requests to {url} went wrong:\n{said}")
    return Load(requests, took_us / 1e6, p50_us / 1000, p99_us / 1000)
