"""Who may ask stands in one file; what is wrong in it is said with the line, and never with a secret."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from bff.catalog import clients
from bff.catalog.clients import (
    PUBLIC,
    SHIPPED_CLIENTS,
    Client,
    ClientRegister,
    hash_of,
    new_key,
    new_webhook_secret,
    read_clients,
)
from bff.catalog.model import Priority
from bff.catalog.tables import CatalogError

HASH = hash_of("bff_x")


def a_file(directory: Path, text: str) -> Path:
    file = directory / "clients.toml"
    file.write_text(text)
    return file


def test_the_shipped_file_lets_nobody_in_by_a_key_of_its_own() -> None:
    shipped = read_clients(SHIPPED_CLIENTS, {})
    assert set(shipped.by_name) == {PUBLIC, "demo"}
    assert [client for client in shipped.by_name.values() if client.key_hashes] == []
    assert shipped.admin_hashes == frozenset()
    assert shipped.by_name[PUBLIC] == Client(name=PUBLIC)


def test_a_key_is_known_by_its_hash_alone(tmp_path: Path) -> None:
    key = new_key()
    read = read_clients(a_file(tmp_path, f'[clients.app]\nkey_hashes = ["{HASH}", "{hash_of(key)}"]\n'))
    for each in ("bff_x", key):
        found = read.with_hash(hash_of(each))
        assert found is not None
        assert found.name == "app"
    for each in ("", "bff_y", HASH, key[:-1]):
        assert read.with_hash(hash_of(each)) is None


def test_what_is_in_the_environment_need_not_stand_in_the_file(tmp_path: Path) -> None:
    file = a_file(tmp_path, '[clients.app]\nkey_hashes = ["${OLD}", "${NEW}"]\nwebhook_secrets = ["${SECRET}"]\n')
    variables: Mapping[str, str] = {"OLD": "", "NEW": HASH}
    app = read_clients(file, variables).by_name["app"]
    assert (app.key_hashes, app.webhook_secrets) == ((HASH,), ())


@pytest.mark.parametrize(
    ("asked", "highest", "given"),
    [("high", "high", "high"), ("high", "normal", "normal"), ("high", "low", "low"), ("low", "normal", "low")],
)
def test_a_priority_is_clamped_to_what_the_key_allows(asked: str, highest: str, given: str) -> None:
    assert Client(name="app", highest_priority=Priority(highest)).allowed(Priority(asked)) is Priority(given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[client.app]", "line 1: unknown table or key 'client'; allowed: [clients.NAME], [admin]"),
        ("clients = 3", "line 1: clients must be tables [clients.NAME]"),
        ("[clients]\napp = 3", "clients.app must be a table [clients.app]"),
        ("[clients.app]\nkeys = []", "line 2: clients.app.keys: unknown key; allowed: highest_priority, key_hashes"),
        ("[clients.App]", "line 1: clients.App.name: String should match pattern"),
        ('[clients.app]\nkey_hashes = ["bff_x"]', "line 2: clients.app.key_hashes.0: String should match pattern"),
        (
            f'[clients.a]\nkey_hashes = ["{HASH}"]\n[admin]\nkey_hashes = ["{HASH}"]',
            "this key is that of admin already",
        ),
        ("[clients.app]\nrequests = -1", "line 2: clients.app.requests: Input should be greater than or equal to 0"),
        ('[clients.app]\nhighest_priority = "top"', "line 2: clients.app.highest_priority: Input should be 'high'"),
        ('[clients.app]\nmail = ["nobody"]', "line 2: clients.app.mail.0: String should match pattern"),
        ('[clients.app]\nmail = ["a@b\\n.c"]', "line 2: clients.app.mail.0: String should match pattern"),
        ('[clients.app]\nkey_hashes = ["$"]', "line 2: clients.app.key_hashes: a $ begins a variable"),
        ("[admin]\nrequests = 3", "line 2: admin.requests: unknown key; allowed: key_hashes"),
        ("[admin", "clients.toml: "),
    ],
)
def test_a_file_is_refused_with_the_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CatalogError) as refused:
        read_clients(a_file(tmp_path, text))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("length", [0, 23, 65])
def test_a_webhook_secret_has_24_to_64_bytes_and_is_never_shown(tmp_path: Path, length: int) -> None:
    secret = "whsec_" + base64.b64encode(os.urandom(length)).decode()
    with pytest.raises(CatalogError, match=r"webhook_secrets\.0: .*24 to 64") as refused:
        read_clients(a_file(tmp_path, f'[clients.app]\nwebhook_secrets = ["{secret}"]'))
    assert secret.removeprefix("whsec_")[:20] not in str(refused.value) or length == 0


def test_a_key_that_stands_where_its_hash_belongs_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="key_hashes") as refused:
        read_clients(a_file(tmp_path, '[clients.app]\nkey_hashes = ["bff_secret"]'))
    assert "bff_secret" not in str(refused.value)


@pytest.mark.parametrize("secret", ["hunter2-hunter2-hunter2-hunter2", "whsec_not base64 not base64"])
def test_what_is_no_webhook_secret_is_not_shown_either(tmp_path: Path, secret: str) -> None:
    with pytest.raises(CatalogError) as refused:
        read_clients(a_file(tmp_path, f'[clients.app]\nwebhook_secrets = ["{secret}"]'))
    assert secret not in str(refused.value)


def test_the_register_reads_again_what_has_changed_and_keeps_what_it_knew_of_a_broken_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clients, "LOOKED_AT_EVERY_SECONDS", 0.0)
    file = a_file(tmp_path, "[clients.one]\n")
    register = ClientRegister(file)
    first = register.now()
    assert "one" in first.by_name
    assert register.now() is first
    a_file(tmp_path, f'[clients.other]\nwebhook_secrets = ["{new_webhook_secret()}"]\n')
    second = register.now()
    assert set(second.by_name) == {"other", PUBLIC}
    for broken in ("[clients.", "[clients.x]\nno = 1\n"):
        a_file(tmp_path, broken)
        assert register.now() is second
    file.unlink()
    assert register.now() is second
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 3


def test_a_register_does_not_begin_with_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogError):
        ClientRegister(a_file(tmp_path, "[clients."))


def test_a_file_that_changes_while_it_is_first_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "LOOKED_AT_EVERY_SECONDS", 0.0)
    file = a_file(tmp_path, "[clients.old]\n")

    def changed_meanwhile(file: Path, variables: Mapping[str, str]) -> clients.Clients:
        read = read_clients(file, variables)
        a_file(tmp_path, "[clients.newer]\n")
        return read

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(clients, "read_clients", changed_meanwhile)
        register = ClientRegister(file)
    assert set(register.now().by_name) == {"newer", PUBLIC}


@pytest.mark.parametrize(
    "broken", [b"", b"\xff", b"x = " + b"[" * 5000, b"x = " + b"9" * 5000, b"[clients.a]\n[clients.a]", b"clients = 1"]
)
def test_a_file_that_is_emptied_or_broken_while_it_is_read_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bytes
) -> None:
    monkeypatch.setattr(clients, "LOOKED_AT_EVERY_SECONDS", 0.0)
    file = tmp_path / "clients.toml"
    file.write_text("[clients.app]")
    register = ClientRegister(file, {})
    file.write_bytes(broken)
    assert "app" in register.now().by_name
    file.write_text("[clients.other]")
    assert "other" in register.now().by_name
