"""All that /openapi.json allows, and much that it does not, asked of a running gateway."""

import os
import subprocess
import sys
from pathlib import Path

from bff.catalog.clients import hash_of
from tests.contract import operators
from tests.contract.stack import Gateway, Up, gateway

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("schemathesis.toml").read_text()
NOT_FOR_OPERATORS = ("--exclude-path-regex", "^/admin/")
KEY = f"bff_{'s' * 43}"


def findings(url: str, directory: Path, config: str, *only: str) -> str:
    """What schemathesis says where it found anything; empty where it did not."""
    file = directory / "schemathesis.toml"
    file.write_text(config)
    command = [
        *(sys.executable, "-m", "schemathesis.cli", f"--config-file={file}", "run", f"{url}/openapi.json"),
        # DELETE cancels; the job stays readable.
        *("--checks", "all", "--exclude-checks", "use_after_free"),
        *only,
        *("--max-examples", "6", "--seed", "1", "--no-color", "--generation-database", "none"),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.contract.schemathesis_hooks", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=240)
    said = done.stdout + done.stderr
    assert "Test cases:" in said, said
    return "" if done.returncode == 0 else said


def test_a_gateway_that_asks_for_no_key_answers_as_its_document_says(stack: Up, tmp_path: Path) -> None:
    found = findings(stack.gateway_url, tmp_path, CONFIG, *NOT_FOR_OPERATORS)
    assert not found, found


def test_a_gateway_answers_operators_as_its_document_says(alone: Gateway, tmp_path: Path) -> None:
    config = f'{CONFIG}\n[auth.openapi.admin]\nbearer = "{operators.ROOT}"\n'
    found = findings(alone.url, tmp_path, config, "--include-path-regex", "^/admin/")
    assert not found, found


def test_a_gateway_that_asks_for_keys_answers_as_its_document_says(stack: Up, tmp_path: Path) -> None:
    clients = tmp_path / "clients.toml"
    clients.write_text(f'[clients.tester]\nkey_hashes = ["{hash_of(KEY)}"]\n')
    with gateway(stack.redis_url, "--auth", f"--clients={clients}") as guarded:
        config = f'{CONFIG}\n[auth.openapi.key]\nbearer = "{KEY}"\n'
        # What keys change is in the answers, not in what parameters may be.
        found = findings(guarded.url, tmp_path, config, *NOT_FOR_OPERATORS, "--phases", "examples,coverage")
    assert not found, found
