"""A settings class as command line options: a flag, its variable, default and help are written once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from click.types import OptionHelpExtra
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

Settings = TypeVar("Settings", bound=BaseSettings)

_METAVARS = {int: "INTEGER", float: "NUMBER"}


class SettingRefused(click.ClickException):
    """One line for each setting that is not allowed, naming its flag and its variable."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a settings class.

    `redis_url` is the flag `--redis-url`, `services_file` is `--services FILE`, `data_dir` is `--data DIR`.
    """

    name: str
    key: str  # what the class's constructor and its errors call it
    variable: str
    field: FieldInfo

    @property
    def flag(self) -> str:
        return "--" + re.sub(r"_(file|dir)$", "", self.name).replace("_", "-")

    @property
    def metavar(self) -> str | None:
        kinds = {self.field.annotation, *get_args(self.field.annotation)}
        if bool in kinds:
            return None
        if Path in kinds:
            return "DIR" if self.name.endswith("_dir") else "FILE"
        if self.name.endswith("_url"):
            return "URL"
        return next((metavar for kind, metavar in _METAVARS.items() if kind in kinds), "TEXT")

    @property
    def bounds(self) -> str | None:
        least, most = (
            next((getattr(bound, name) for bound in self.field.metadata if hasattr(bound, name)), None)
            for name in ("ge", "le")
        )
        return None if least is None or most is None else f"{least} to {most}"


class SettingOption(click.Option):
    """The flag of one setting. Its variable and its default are only shown: the settings class reads them."""

    def __init__(self, setting: Setting) -> None:
        flag = setting.flag
        declaration = f"{flag}/--no-{flag[2:]}" if setting.field.annotation is bool else flag
        super().__init__(
            [declaration, setting.name], default=None, help=setting.field.description, metavar=setting.metavar
        )
        self.setting = setting

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        field = self.setting.field
        extra = OptionHelpExtra(envvars=(self.setting.variable,))
        if bounds := self.setting.bounds:
            extra["range"] = bounds
        if field.is_required():
            extra["required"] = "required"
        elif (default := field.get_default(call_default_factory=True)) is not None:
            extra["default"] = str(default)
        return extra


def options_of(settings_class: type[BaseSettings]) -> list[click.Parameter]:
    return [SettingOption(setting) for setting in settings_of(settings_class)]


def settings_from(settings_class: type[Settings], given: Mapping[str, Any]) -> Settings:
    """`given` maps field names to what their flags said, None where one was not given.

    Raises SettingRefused, whether the bad value came from a flag or from the environment.
    """
    flags = {setting.key: given.get(setting.name) for setting in settings_of(settings_class)}
    try:
        return settings_class(**{key: value for key, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingRefused("\n".join(_line(settings_class, detail) for detail in error.errors())) from error
    except SettingsError as error:
        raise SettingRefused(f"{error}: {error.__cause__}") from error


def settings_of(settings_class: type[BaseSettings]) -> list[Setting]:
    """The settings of a process, in the order of its class."""
    prefix = settings_class.model_config.get("env_prefix", "")
    return [_setting(name, field, prefix) for name, field in settings_class.model_fields.items()]


def without_password(url: str) -> str:
    """For the terminal, and logs."""
    return re.sub(r"//[^@/]*@", "//***@", url)


def _setting(name: str, field: FieldInfo, prefix: str) -> Setting:
    if isinstance(field.validation_alias, str):
        return Setting(name, field.validation_alias, field.validation_alias, field)
    return Setting(name, name, f"{prefix}{name}".upper(), field)


def _line(settings_class: type[BaseSettings], detail: ErrorDetails) -> str:
    what_is_wrong = detail["msg"].removeprefix("Value error, ")
    for setting in settings_of(settings_class):
        if detail["loc"] and detail["loc"][0] in (setting.name, setting.key):
            reason = what_is_wrong[:1].lower() + what_is_wrong[1:]
            allowed = f" (allowed: {setting.bounds})" if setting.bounds else ""
            return f"{setting.flag} ({setting.variable}){_value(detail)}: {reason}{allowed}"
    return what_is_wrong


def _value(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return ""
    return f" cannot be {without_password(str(detail['input']))!r}"
