"""Reads settings: the only module that looks at the environment, ``.env`` and secret files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError

from services.domain.errors import SettingsError
from services.settings.costs import CostSettings, DatadogSettings
from services.settings.group import SettingsGroup
from services.settings.mail import SmtpSettings
from services.settings.server import MongoSettings, ServerSettings
from services.settings.teams_app import ManifestSettings, TeamsAppSettings


class Settings(SettingsGroup):
    mongo: MongoSettings
    datadog: DatadogSettings
    smtp: SmtpSettings
    teams_app: TeamsAppSettings
    server: ServerSettings
    costs: CostSettings

    def secrets(self) -> list[str]:
        """The values that must never be logged."""
        groups = [getattr(self, name) for name in type(self).model_fields]
        return [
            value.get_secret_value()
            for group in groups
            for _, value in group
            if isinstance(value, SecretStr)
        ]


def setting_fields() -> list[tuple[str, Any]]:
    """All settings as (group name, pydantic field), for the docs and the checks of them."""
    groups = {name: info.annotation for name, info in Settings.model_fields.items()}
    return [
        (name, field)
        for name, group in [*groups.items(), ("manifest", ManifestSettings)]
        if isinstance(group, type) and issubclass(group, SettingsGroup)
        for field in group.model_fields.values()
        if field.description  # the app id has one where it is first declared
    ]


def load_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
) -> Settings:
    """Settings from ``environ`` (default: the process's) over ``env_file``.

    Raises SettingsError that names each wrong setting and what it should be.
    """
    values = _values(environ, env_file)
    groups: dict[str, SettingsGroup] = {}
    problems: list[str] = []
    for name, info in Settings.model_fields.items():
        group = info.annotation
        if not (isinstance(group, type) and issubclass(group, SettingsGroup)):
            raise AssertionError(f"{name} is no group of settings")
        try:
            groups[name] = group.model_validate(values)
        except ValidationError as error:
            problems += [_problem(item["loc"], item["msg"]) for item in error.errors()]
    if problems:
        raise SettingsError("; ".join(problems))
    return Settings.model_validate(groups)


def load_manifest_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
) -> ManifestSettings:
    """What ``make manifest`` needs, from the same places; no other setting has to be right.

    Raises SettingsError that names each wrong setting and what it should be.
    """
    try:
        return ManifestSettings.model_validate(_values(environ, env_file))
    except ValidationError as error:
        problems = [_problem(item["loc"], item["msg"]) for item in error.errors()]
        raise SettingsError("; ".join(problems)) from error


def _values(environ: Mapping[str, str] | None, env_file: Path | None) -> dict[str, str]:
    """What is set, the environment over the file."""
    there = env_file is not None and env_file.is_file()
    # Taken as written: a password may well hold a dollar sign.
    stored = dotenv_values(env_file, interpolate=False) if there else {}
    given = os.environ if environ is None else environ  # noqa: TID251 - only read here, for all
    return _with_files({**_set(stored), **_set(given)})


def _set(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value.strip() for name, value in values.items() if value and value.strip()}


def _with_files(values: Mapping[str, str]) -> dict[str, str]:
    """Reads ``NAME_FILE`` where ``NAME`` itself is not set."""
    found = dict(values)
    for name in [name for name in found if name.endswith("_FILE")]:
        plain = name.removesuffix("_FILE")
        if plain in _names() and plain not in found:
            try:
                content = Path(found[name]).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"{name}: cannot read {found[name]} ({_reason(error)}). "
                    f"Make the file readable, or set {plain} itself."
                ) from error
            if content:
                found[plain] = content
    return found


def _reason(error: Exception) -> str:
    return error.strerror or "error" if isinstance(error, OSError) else "not UTF-8 text"


def _names() -> set[str]:
    return {field.alias or "" for _, field in setting_fields()}


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{loc[0]}: {text}" if loc else text
