import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from stack.options import options_of, settings_from


class Settings(BaseSettings):
    """One of each kind."""

    port: int = Field(8000, ge=0, le=65535, validation_alias="EDGE_PORT", description="Where it listens.")
    redis_url: str = Field("redis://127.0.0.1", pattern="^rediss?://", validation_alias="REDIS_URL")
    services_file: Path | None = Field(None, validation_alias="SERVICES_FILE")
    grace_seconds: float = Field(2.5, gt=0, validation_alias="GRACE_SECONDS")
    auth: bool = Field(False, validation_alias="AUTH")
    origins: list[str] = Field([], validation_alias="ORIGINS")


class Prefixed(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="MOCK_")

    port: int = Field(le=65535)


def run(*words: str, **variables: str) -> Result:
    return run_with(Settings, *words, **variables)


def run_with(settings_class: type[BaseSettings], *words: str, **variables: str) -> Result:
    def show(**given: Any) -> None:
        click.echo(settings_from(settings_class, given).model_dump_json())

    command = click.Command("edge", callback=show, params=options_of(settings_class))
    return CliRunner().invoke(command, words, env=variables)


def told(*words: str, **variables: str) -> dict[str, Any]:
    result = run(*words, **variables)
    assert result.exit_code == 0, result.output
    settings: dict[str, Any] = json.loads(result.output)
    return settings


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    assert told()["port"] == 8000
    assert told(EDGE_PORT="1")["port"] == 1
    assert told("--port=2", EDGE_PORT="1")["port"] == 2


def test_a_switch_can_be_turned_either_way() -> None:
    assert told("--auth")["auth"] is told(AUTH="true")["auth"] is True
    assert told("--no-auth", AUTH="true")["auth"] is told()["auth"] is False


def test_a_file_and_a_url_are_named_for_what_they_are() -> None:
    usage = run("--help").output
    assert "--services FILE" in usage
    assert "--redis-url URL" in usage
    assert told("--services=a.toml")["services_file"] == told(SERVICES_FILE="a.toml")["services_file"] == "a.toml"


def test_help_shows_what_each_setting_is_its_variable_its_default_and_its_bounds() -> None:
    usage = " ".join(run("--help").output.split())
    assert "--port INTEGER Where it listens. [env var: EDGE_PORT; default: 8000; 0 to 65535]" in usage
    assert "--grace-seconds NUMBER [env var: GRACE_SECONDS; default: 2.5]" in usage
    assert "--services FILE [env var: SERVICES_FILE]" in usage
    assert "--auth / --no-auth [env var: AUTH; default: False]" in usage


TOO_HIGH = "cannot be '99999': input should be less than or equal to 65535 (allowed: 0 to 65535)"


@pytest.mark.parametrize(
    ("words", "variables"), [(["--port=99999"], {}), ([], {"EDGE_PORT": "99999"})], ids=["flag", "variable"]
)
def test_a_bad_value_is_one_line_with_its_flag_and_its_variable(words: list[str], variables: dict[str, str]) -> None:
    result = run(*words, **variables)
    assert result.exit_code == 2
    assert result.output == f"Error: --port (EDGE_PORT) {TOO_HIGH}\n"


def test_each_bad_value_has_its_line() -> None:
    result = run("--port=x", GRACE_SECONDS="0")
    assert result.output.count("\n") == 2
    assert "--port (EDGE_PORT) cannot be 'x': input should be a valid integer" in result.output
    assert "--grace-seconds (GRACE_SECONDS) cannot be '0': input should be greater than 0" in result.output


def test_a_password_in_a_bad_url_is_not_shown() -> None:
    output = run(REDIS_URL="http://me:secret@redis").output
    assert "--redis-url (REDIS_URL) cannot be 'http://***@redis'" in output


def test_a_list_that_is_not_json_is_one_line() -> None:
    result = run(ORIGINS="a, b")
    assert result.exit_code == 2
    assert result.output.startswith('Error: error parsing value for field "origins"')


def test_a_setting_without_default_must_be_given_by_either_name() -> None:
    missing = run_with(Prefixed)
    assert (missing.exit_code, missing.output) == (2, "Error: --port (MOCK_PORT): field required\n")
    assert "[env var: MOCK_PORT; required]" in run_with(Prefixed, "--help").output
    assert run_with(Prefixed, "--port=3", MOCK_PORT="4").output == '{"port":3}\n'
    assert run_with(Prefixed, MOCK_PORT="4").output == '{"port":4}\n'


def test_an_unknown_flag_is_wrong_use() -> None:
    result = run("--prot=1")
    assert result.exit_code == 2
    assert "No such option" in result.output
