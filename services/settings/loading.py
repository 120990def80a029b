"""Loads settings: the only module that reads the environment, ``.env`` and secret files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError

from services.domain.errors import SettingsError
from services.settings.costs import CostSettings, DatadogSettings
from services.settings.explanations import explanation
from services.settings.group import SettingsGroup
from services.settings.mail import SmtpSettings
from services.settings.proxies import EITHER_CASE, ProxySettings
from services.settings.server import MongoSettings, ServerSettings
from services.settings.teams_app import ManifestSettings, TeamsAppSettings

QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"))
MAY_BE_QUOTED = {"SMTP_PASSWORD"}
AS_WRITTEN = {"SECRET_KEY", "IDENTITY_HEADER"}
"""Any text is a valid value, and another one would not be the same key."""


class Settings(SettingsGroup):
    mongo: MongoSettings
    datadog: DatadogSettings
    smtp: SmtpSettings
    teams_app: TeamsAppSettings
    server: ServerSettings
    costs: CostSettings
    proxies: ProxySettings

    def secrets(self) -> list[str]:
        """Values that must never be logged."""
        groups = [getattr(self, name) for name in type(self).model_fields]
        return [
            value.get_secret_value()
            for group in groups
            for _, value in group
            if isinstance(value, SecretStr)
        ]


def setting_fields() -> list[tuple[str, Any]]:
    """All settings as (group name, pydantic field), for generated docs and their tests."""
    groups = {name: info.annotation for name, info in Settings.model_fields.items()}
    return [
        (name, field)
        for name, group in [*groups.items(), ("manifest", ManifestSettings)]
        if isinstance(group, type) and issubclass(group, SettingsGroup)
        for field in group.model_fields.values()
        if field.description  # without one: declared in two groups, documented in the first
    ]


def load_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
) -> Settings:
    """Load settings from ``environ`` (default: the process environment), which overrides ``env_file``.

    Raises SettingsError, which names each invalid setting and the fix.
    """
    values = _values(environ, env_file)
    groups: dict[str, SettingsGroup] = {}
    problems: list[str] = []
    for name, info in Settings.model_fields.items():
        group = info.annotation
        if not (isinstance(group, type) and issubclass(group, SettingsGroup)):
            raise AssertionError(f"{name} is not a settings group")
        try:
            groups[name] = group.model_validate(values)
        except ValidationError as error:
            problems += _problems(error, group, values)
    if problems:
        raise SettingsError(" ".join(problems), problems)
    return Settings.model_validate(groups)


def load_manifest_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
) -> ManifestSettings:
    """Load what ``make manifest`` needs from the same places; other settings may be invalid.

    Raises SettingsError, which names each invalid setting and the fix.
    """
    values = _values(environ, env_file)
    try:
        return ManifestSettings.model_validate(values)
    except ValidationError as error:
        problems = _problems(error, ManifestSettings, values)
        raise SettingsError(" ".join(problems), problems) from error


def _values(environ: Mapping[str, str] | None, env_file: Path | None) -> dict[str, str]:
    """All values that are set; the environment overrides the file."""
    has_file = env_file is not None and env_file.is_file()
    # No interpolation: dotenv would replace $NAME and ${NAME}, also inside a password. Windows
    # editors begin a file with a byte order mark.
    from_file = (
        dotenv_values(env_file, interpolate=False, encoding="utf-8-sig") if has_file else {}
    )
    variables = os.environ if environ is None else environ  # noqa: TID251 - the only reader
    return _with_files({**_set(from_file), **_unquoted(_set(variables))})


def _set(values: Mapping[str, str | None]) -> dict[str, str]:
    present = {name: value.strip() for name, value in values.items() if value and value.strip()}
    for name in EITHER_CASE:
        if name.lower() in present:
            present.setdefault(name, present[name.lower()])
    return present


def _unquoted(values: Mapping[str, str]) -> dict[str, str]:
    """Remove quotation marks around whole values: ``docker --env-file`` passes them on.

    Raises SettingsError for a password, because the marks may be part of it.
    """
    unquoted = dict(values)
    for name in _names() & values.keys():
        inner = _inside_quotes(values[name])
        if inner is None or name in AS_WRITTEN:
            continue
        if name in MAY_BE_QUOTED:
            raise SettingsError(
                f"{name} begins and ends with a quotation mark. Remove both, as docker --env-file "
                f"takes them for a part of the value; if they are, set {name}_FILE to a file with it."
            )
        unquoted[name] = inner
    return _set(unquoted)


def _inside_quotes(value: str) -> str | None:
    """What is between a pair of quotation marks; None unless there is exactly one pair."""
    for opening, closing in QUOTES:
        inner = value[1:-1]
        if len(value) > 1 and value[0] == opening and value[-1] == closing:
            return None if opening in inner or closing in inner else inner
    return None


def _with_files(values: Mapping[str, str]) -> dict[str, str]:
    """Read the file ``NAME_FILE`` if ``NAME`` itself is not set."""
    merged = dict(values)
    for name in [name for name in merged if name.endswith("_FILE")]:
        plain = name.removesuffix("_FILE")
        if plain in _names() and plain not in merged:
            try:
                # Editors and `echo` end files with a newline, which is not part of the secret.
                content = Path(merged[name]).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"{name}: cannot read {merged[name]} ({_reason(error)}). "
                    f"Make the file readable, or set {plain} itself."
                ) from error
            if content:
                merged[plain] = content
    return merged


def _reason(error: Exception) -> str:
    return error.strerror or "error" if isinstance(error, OSError) else "not UTF-8 text"


def _names() -> set[str]:
    return {field.alias or "" for _, field in setting_fields()}


def _problems(
    error: ValidationError, group: type[SettingsGroup], values: Mapping[str, str]
) -> list[str]:
    fields = {field.alias or name: field for name, field in group.model_fields.items()}
    return [explanation(item, fields, values) for item in error.errors()]
