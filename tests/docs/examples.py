"""Examples in the docs, to be run against a stack."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.contract.stack import Up

ROOT = Path(__file__).parents[2]


def blocks(file: str, language: str, section: str = "") -> list[str]:
    """The code blocks of a page, or of one section of it."""
    text = (ROOT / file).read_text()
    if section:
        text = text.split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(section: str) -> list[str]:
    """What stands behind `$` in a section of the README, continued lines joined."""
    lines = "\n".join(blocks("README.md", "console", section)).replace("\\\n", " ").splitlines()
    return [line[2:].split("  #")[0] for line in lines if line.startswith("$ ")]


def here(text: str, stack: Up) -> str:
    """With the addresses of this stack."""
    at = {"localhost:8000": stack.gateway_url.removeprefix("http://"), "localhost:9000": stack.mock_url}
    for usual, actual in at.items():
        text = text.replace(usual, actual)
    return text


def run(command: str, stack: Up, directory: Path | None = None) -> str:
    words = ["bash", "-o", "pipefail", "-c", here(command, stack)]
    return subprocess.run(words, capture_output=True, text=True, timeout=30, check=True, cwd=directory).stdout


def run_python(code: str, stack: Up, directory: Path = ROOT) -> str:
    """What it prints, where the client is installed, in that directory."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client"), "PYTHONWARNINGS": "error"}
    words = [sys.executable, "-c", here(code, stack)]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=directory
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout
