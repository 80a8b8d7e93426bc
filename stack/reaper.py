"""Ends a process group, and removes a directory, when whoever started it is gone, however that came.

Run by file, without site-packages, as the leader of the group: `python -I -S reaper.py DIRECTORY`, with a
pipe as standard input, whose end means that the other side is gone. The group's number cannot be used anew
while its leader lives, so no stranger is ever ended. Linux and macOS.
"""

import os
import shutil
import signal
import sys
import time

GRACE_SECONDS = 5.0


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    group = os.getpid()
    leave_group()
    end_group(group)
    shutil.rmtree(sys.argv[1], ignore_errors=True)


def leave_group() -> None:
    """Join the group of a child made for that, so that the group left behind can be seen to be empty."""
    child = os.fork()
    if child == 0:
        while True:
            signal.pause()
    os.setpgid(child, child)
    os.setpgid(0, child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGTERM)
        give_up_at = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < give_up_at:
            os.killpg(group, 0)
            time.sleep(0.02)
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # Nobody is left; where only zombies are, macOS says that it is not permitted.


if __name__ == "__main__":
    main()
