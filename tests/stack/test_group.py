import subprocess
import sys
from pathlib import Path
from threading import Thread

from stack.group import process_group
from tests.stack.fakes import living

WAITS = [sys.executable, "-c", "import signal; signal.pause()"]

# Is killed; what it leaves behind ignores SIGTERM, as it did.
OWNER = """
import os, signal, subprocess, sys
from stack.group import process_group

signal.signal(signal.SIGTERM, signal.SIG_IGN)
with process_group() as group:
    null = subprocess.DEVNULL
    subprocess.Popen(sys.argv[1:], stdout=null, stderr=null, process_group=group.id)
    print(group.id, group.directory, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_still_runs_at_the_end_is_ended_and_the_directory_removed() -> None:
    with process_group() as group:
        (group.directory / "redis.sock").touch()
        child = subprocess.Popen(WAITS, process_group=group.id)
        assert len(living(group.id)) == 2
        Thread(target=child.wait).start()  # or it would stay there as a zombie
    assert living(group.id) == []
    assert not group.directory.exists()


def test_what_ignores_sigterm_is_killed_when_its_owner_has_been() -> None:
    owner = subprocess.run([sys.executable, "-c", OWNER, *WAITS], capture_output=True, text=True)
    group, directory = owner.stdout.split()
    assert living(int(group)) == []
    assert not Path(directory).exists()
