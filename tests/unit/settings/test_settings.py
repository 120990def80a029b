"""Settings from the environment, a file beside it, and secret files."""

from pathlib import Path
from typing import Any

import pytest

from services.domain.errors import SettingsError
from services.settings import load_settings, setting_fields

KEYS = {"DATADOG_API_KEY": "a" * 32, "DATADOG_APP_KEY": "b" * 40}


def loaded(tmp_path: Path, env_file: str = "", **environ: str) -> Any:
    path = tmp_path / ".env"
    path.write_text(env_file)
    return load_settings(environ, path)


def test_nothing_set_is_fine(tmp_path: Path) -> None:
    settings = loaded(tmp_path)
    assert not settings.datadog.is_configured
    assert settings.mongo.url is None
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8001)
    assert settings.smtp.host is None


def test_an_empty_value_is_unset_and_the_environment_beats_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "PORT=9000\nLOG_LEVEL=DEBUG\n", PORT="9001", SMTP_HOST="")
    assert settings.server.port == 9001
    assert settings.server.log_level == "DEBUG"
    assert settings.smtp.host is None


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("a" * 32 + "\n")
    settings = loaded(
        tmp_path, DATADOG_API_KEY_FILE=str(secret), DATADOG_APP_KEY=KEYS["DATADOG_APP_KEY"]
    )
    assert settings.datadog.api_key.get_secret_value() == "a" * 32
    assert "a" * 32 in settings.secrets()
    assert "a" * 32 not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"PORT": "many"}, "PORT"),
        ({"PORT": "70000"}, "PORT"),
        ({"DATADOG_API_KEY": "x"}, "DATADOG_APP_KEY is missing"),
        ({"DATADOG_APP_KEY": "x"}, "DATADOG_API_KEY is missing"),
        ({**KEYS, "DATADOG_SITE": "datadog.com"}, "DATADOG_SITE"),
        ({**KEYS, "DATADOG_API_URL": "http://evil.example.com"}, "DATADOG_API_URL"),
        ({"SMTP_HOST": "mail.example.org", "SMTP_TLS": "none"}, "SMTP_TLS"),
        ({"SENDER_EMAIL": "nobody"}, "SENDER_EMAIL"),
        ({"SMTP_RATE_PER_MINUTE": "-1"}, "SMTP_RATE_PER_MINUTE"),
        ({"DB_NAME": "a b"}, "DB_NAME"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"DATADOG_API_KEY_FILE": "/nowhere/key"}, "DATADOG_API_KEY_FILE"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
    ],
    ids=range(13),
)
def test_a_wrong_value_is_named(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        loaded(tmp_path, **environ)
    assert "\n" not in str(caught.value)


def test_no_error_shows_a_secret(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, SECRET_KEY="hunter2", MONGO_URL="mongodb://u:pw@h", DB_NAME="x y")
    assert "hunter2" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_every_setting_has_a_name_and_a_sentence() -> None:
    names = [field.alias for _, field in setting_fields()]
    assert len(names) == len(set(names))
    assert all(
        field.description and field.description.endswith(".") for _, field in setting_fields()
    )


def test_a_password_in_the_env_file_is_taken_as_written(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SMTP_HOST=mail.example.org\nSMTP_PASSWORD=pa$$w${HOME}rd\n")
    password = load_settings({}, file).smtp.password
    assert password is not None
    assert password.get_secret_value() == "pa$$w${HOME}rd"


def test_an_empty_secret_file_counts_as_unset(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("\n")
    given = {"DATADOG_API_KEY_FILE": str(file), "DATADOG_APP_KEY_FILE": str(file)}
    assert not load_settings(given, None).datadog.is_configured
