import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

SCRIPT = "import logging; from bff.logs import *; log_to_stderr('text', 'info'); logging.getLogger('who').info('what')"


def test_a_line_begins_with_the_time_in_utc_wherever_the_process_runs() -> None:
    environment = {**os.environ, "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    instant, rest = done.stderr.split(" ", 1)
    assert rest == "INFO who: what\n"
    assert instant.endswith("Z")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(instant)) < timedelta(minutes=1)
