import os
import signal
import subprocess
import sys

import pytest

from bff.failpoints import Action, Point, failpoint, shots

HIT_THREE_TIMES = """
from bff.failpoints import Point, failpoint
for number in range(3):
    print(number, flush=True)
    failpoint(Point.AFTER_CALL)
print("through", flush=True)
"""


def run(armed: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "BFF_FAILPOINT": armed}
    command = [sys.executable, "-c", HIT_THREE_TIMES]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_a_process_dies_where_it_was_told_to_and_not_before() -> None:
    done = run("after_call:kill@2")
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, ["0", "1"])


def test_a_point_fails_once() -> None:
    done = run("after_call:raise")
    assert (done.returncode, done.stdout.split()) == (1, ["0"])
    assert "RuntimeError: failpoint" in done.stderr


@pytest.mark.parametrize("armed", ["", "after_tell:kill", "after_call:kill@4", "after_call:sleep=0.01"])
def test_a_process_goes_on_where_no_point_ends_it(armed: str) -> None:
    done = run(armed)
    assert (done.returncode, done.stdout.split()) == (0, ["0", "1", "2", "through"])


@pytest.mark.parametrize("armed", ["nowhere:kill", "after_call:explode", "after_call", "after_call:kill@0", "x"])
def test_what_is_no_failpoint_ends_the_process_at_once_with_one_line_that_says_what_is(armed: str) -> None:
    done = run(armed)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert all(word in line for word in (armed, *Point, *Action))


def test_several_points_are_armed_at_once() -> None:
    armed = shots("after_take:sleep=0.5, before_call:stop@7")
    assert armed[Point.AFTER_TAKE].seconds == 0.5
    assert (armed[Point.BEFORE_CALL].action, armed[Point.BEFORE_CALL].hits_left) == (Action.STOP, 7)


def test_an_unarmed_point_does_nothing() -> None:
    for point in Point:
        failpoint(point)
