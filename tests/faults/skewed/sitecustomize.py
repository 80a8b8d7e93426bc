"""Python runs this at start where its directory is on PYTHONPATH: a process whose wall clock is wrong."""

import datetime
import os
import time

AHEAD_SECONDS = float(os.environ["CLOCK_AHEAD_SECONDS"])

_time, _time_ns = time.time, time.time_ns


class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Datetime":
        return super().now(tz) + datetime.timedelta(seconds=AHEAD_SECONDS)


time.time = lambda: _time() + AHEAD_SECONDS
time.time_ns = lambda: _time_ns() + int(AHEAD_SECONDS * 1_000_000_000)
datetime.datetime = _Datetime  # type: ignore[misc]
