import json
import subprocess
import sys
from pathlib import Path

from bff.catalog.clients import hash_of, read_clients
from stack.keys import Keyring


def made(*words: str) -> str:
    command = [sys.executable, "-m", "stack", "key", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_each_key_is_new_and_goes_with_its_hash() -> None:
    one, other = json.loads(made("--json")), json.loads(made("--json"))
    assert one["key"] != other["key"]
    assert one["key_hash"] == hash_of(one["key"])


def test_the_lines_for_the_clients_file_can_be_pasted_as_they_are(tmp_path: Path) -> None:
    said = made()
    lines = [line.strip() for line in said.splitlines() if " = [" in line]
    file = tmp_path / "clients.toml"
    file.write_text("\n".join(["[clients.app]", *lines]))
    key = said.split("Bearer ")[1].split()[0]
    found = read_clients(file).with_hash(hash_of(key))
    assert found is not None
    assert len(found.webhook_secrets) == 1


def test_keys_are_taken_from_the_environment_and_go_on_as_hashes() -> None:
    keyring = Keyring(True, {"DEMO_KEY": "bff_demo", "ADMIN_KEY": "bff_admin"})
    told = keyring.environment()
    assert told["DEMO_KEY_HASH"] == hash_of("bff_demo")
    assert told["ADMIN_KEY_HASH"] == hash_of("bff_admin")
    assert not [value for value in told.values() if value in ("bff_demo", "bff_admin")]
    assert any("bff_demo" in line for line in keyring.lines())
    assert not any("bff_demo" in line for line in Keyring(False, {"DEMO_KEY": "bff_demo"}).lines())


def test_keys_that_your_own_clients_file_does_not_take_are_not_said(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"
    given = {"CLIENTS_FILE": str(file), "DEMO_KEY": "bff_demo", "ADMIN_KEY": "bff_admin"}
    file.write_text("[clients.app]")
    keyring = Keyring(True, given)
    assert keyring.lines() == [f"clients, keys and secrets: those of {file}"]
    assert keyring.authorization() == "Authorization: Bearer KEY"
    file.write_text(f'[clients.app]\nkey_hashes = ["{hash_of("bff_demo")}"]')
    keyring = Keyring(True, given)
    assert keyring.lines() == ["key of client demo: bff_demo"]
    assert keyring.authorization() == "Authorization: Bearer bff_demo"
