"""Settings from the environment, a file beside it, and secret files."""

from pathlib import Path
from typing import Any

import pytest

from services.domain.errors import SettingsError
from services.settings import load_manifest_settings, load_settings, setting_fields

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
        ({**KEYS, "DATADOG_API_URL": "http://[::1].evil.example"}, "DATADOG_API_URL"),
        ({"SMTP_HOST": "mail.example.org", "SMTP_TLS": "none"}, "SMTP_TLS"),
        ({"SENDER_EMAIL": "nobody"}, "SENDER_EMAIL"),
        ({"SMTP_RATE_PER_MINUTE": "-1"}, "SMTP_RATE_PER_MINUTE"),
        ({"DB_NAME": "a b"}, "DB_NAME"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"DATADOG_API_KEY_FILE": "/nowhere/key"}, "DATADOG_API_KEY_FILE"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
    ],
    ids=range(14),
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


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY", "https_proxy"])
def test_no_error_shows_the_password_of_a_proxy(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="must be the URL of an HTTP proxy") as caught:
        loaded(tmp_path, **{name: "http://agent:hun#ter2@proxy.example.org:3128"})
    assert "hun" not in str(caught.value)


def test_a_key_that_is_too_short_says_how_long_it_must_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY must have at least 16 characters"):
        loaded(tmp_path, SECRET_KEY="hunter2")


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


# As people and platforms write them

ID = "aaaaaaaa-1111-2222-3333-bbbbbbbbbbbb"
EXAMPLES = {
    "MONGO_URL": "mongodb://db.example.org:27017",
    "DB_NAME": "costs",
    "DATADOG_SITE": "datadoghq.eu",
    "DATADOG_API_URL": "https://proxy.example.org",
    "DATADOG_COST_METRIC": "aws.cost.amortized",
    "DATADOG_ACCOUNTS_PER_QUERY": "100",
    "DATADOG_MAX_RESPONSE_MB": "64",
    "SMTP_HOST": "smtp.example.org",
    "SMTP_PORT": "465",
    "SMTP_USER": "agent@example.org",
    "SENDER_EMAIL": "costs@example.org",
    "SMTP_TLS": "implicit",
    "SMTP_RATE_PER_MINUTE": "60",
    "SMTP_MAX_CONNECTIONS": "5",
    "SMTP_AUTH": "password",
    "SMTP_OAUTH_TENANT_ID": "example.onmicrosoft.com",
    "SMTP_OAUTH_CLIENT_ID": ID,
    "SMTP_OAUTH_CLIENT_SECRET": "a~secret",
    "SMTP_OAUTH_AUTHORITY": "https://login.example.org",
    "SMTP_OAUTH_SCOPE": "https://outlook.office365.com/.default",
    "MAIL_TRANSPORT": "smtp",
    "GRAPH_URL": "https://graph.example.org",
    "MAIL_WHEN_UNSURE": "hold",
    "MicrosoftAppId": ID,
    "MicrosoftAppPassword": "a~password",
    "MicrosoftAppType": "SingleTenant",
    "MicrosoftAppTenantId": ID,
    "API_AUDIENCE": "api://costs",
    "ADMIN_AAD_OBJECT_IDS": ID,
    "TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL": "https://login.example.org/openid",
    "TO_BOT_FROM_CHANNEL_TOKEN_ISSUER": "https://issuer.example.org",
    "TO_CHANNEL_FROM_BOT_LOGIN_URL": "https://login.example.org/t",
    "TO_CHANNEL_FROM_BOT_OAUTH_SCOPE": "https://scope.example.org",
    "IDENTITY_ENDPOINT": "http://127.0.0.1:4000/token",
    "HOST": "0.0.0.0",
    "PORT": "9000",
    "DATA_DIR": "/data",
    "LOG_LEVEL": "DEBUG",
    "LOG_FORMAT": "json",
    "COST_DAY_COMPLETE_AFTER_HOURS": "72",
    "HTTPS_PROXY": "http://proxy.example.org:3128",
    "ALL_PROXY": "http://user:pass@proxy.example.org:3128",
    "NO_PROXY": "example.net",
    "TEAMS_DEVELOPER_NAME": "Example",
    "TEAMS_WEBSITE_URL": "https://example.org",
    "TEAMS_PRIVACY_URL": "https://example.org/privacy",
    "TEAMS_TERMS_URL": "https://example.org/terms",
    "DATADOG_API_KEY": "a" * 32,
    "DATADOG_APP_KEY": "b" * 40,
}
"""A valid value of each setting; none of those that may be any text."""
ANY_TEXT = {"SECRET_KEY", "IDENTITY_HEADER", "SMTP_PASSWORD"}
MANIFEST = {name for name in EXAMPLES if name.startswith("TEAMS_")}


def complete(**more: str) -> dict[str, str]:
    """The settings, with those that some of them need."""
    return {**EXAMPLES, **more}


def test_there_is_an_example_of_every_setting() -> None:
    assert {field.alias for _, field in setting_fields()} == EXAMPLES.keys() | ANY_TEXT
    load_settings(complete(), None)
    load_manifest_settings(complete(), None)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("form", ['"{}"', "'{}'", "“{}”", "  {} ", ' "{} " '])
def test_quotation_marks_around_a_value_are_no_part_of_it(name: str, form: str) -> None:
    plain, quoted = complete(), complete(**{name: form.format(EXAMPLES[name])})
    assert load_settings(quoted, None) == load_settings(plain, None)
    assert load_manifest_settings(quoted, None) == load_manifest_settings(plain, None)


NOT_OURS = (
    *("^", "[A-Z", "{1,", "pattern", "Input", "String", "string", "valid integer", "parsing"),
    *(
        "Value error",
        "validation",
        "pydantic",
        "Traceback",
        "NoneType",
        "UUID",
        "Literal",
        "@-sign",
    ),
)
"""What a library or a program says."""
ODD = (
    *("tcp://10.96.0.7:587", "no thing", "ana@example.org", "{x}", "-1", "99999999999999999999"),
    *("http://[::1", "x" * 3000, "https://example.org:99999/x", "587 # the port", "٣", "\ufffd"),
)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() | ANY_TEXT))
def test_a_setting_is_taken_or_refused_in_words_that_name_it(name: str, odd: str) -> None:
    load = load_manifest_settings if name in MANIFEST else load_settings
    try:
        load(complete(**{name: odd}), None)
    except SettingsError as error:
        (problem,) = error.problems
        assert name in problem
        assert problem.endswith(".")
        shown = problem.replace(odd[:60], "")
        assert not [word for word in NOT_OURS if word in shown], problem
        assert len(problem) < 400


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MicrosoftAppId", ID.upper()),
        ("MicrosoftAppId", f"{{{ID}}}"),
        ("MicrosoftAppTenantId", f"{{{ID.upper()}}}"),
        ("SMTP_OAUTH_CLIENT_ID", ID.upper()),
        ("SMTP_OAUTH_TENANT_ID", "Example.OnMicrosoft.com"),
        ("ADMIN_AAD_OBJECT_IDS", f"{{{ID.upper()}}};"),
        ("ADMIN_AAD_OBJECT_IDS", f'["{ID}"]'),
        ("DATADOG_SITE", "https://app.datadoghq.eu/dashboard"),
        ("SMTP_TLS", "Implicit"),
        ("SMTP_AUTH", "PASSWORD"),
        ("MicrosoftAppType", "singletenant"),
        ("LOG_LEVEL", "debug"),
        ("LOG_FORMAT", "JSON"),
    ],
)
def test_a_value_is_taken_as_people_and_platforms_write_it(name: str, value: str) -> None:
    assert load_settings(complete(**{name: value}), None) == load_settings(complete(), None)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (
            "SMTP_PORT",
            "tcp://10.96.0.7:25",
            "Kubernetes sets for a service named smtp: set SMTP_PORT yourself, or enableServiceLinks",
        ),
        (
            "ADMIN_AAD_OBJECT_IDS",
            f"{ID}, ana@example.org",
            "ana@example.org is an email address. Copy the object ID from the person's page",
        ),
        ("ADMIN_AAD_OBJECT_IDS", "ana", "must contain object IDs such as"),
        ("SMTP_HOST", "smtp.example.org:25", "set it to smtp.example.org, and the port to 25"),
        ("SMTP_TLS", "ssl", 'must be starttls, implicit or none (it is "ssl")'),
        ("SENDER_EMAIL", "nobody", "must be an email address such as costs@example.com"),
        ("SMTP_PASSWORD", '"pass word"', "set SMTP_PASSWORD_FILE to a file with it"),
    ],
)
def test_what_cannot_be_taken_says_what_to_do(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(complete(**{name: value}), None)
    assert words in str(caught.value)


def test_a_key_is_taken_as_it_is_written() -> None:
    key = '"any text, also quoted"'
    found = load_settings({"SECRET_KEY": key}, None).server.secret_key
    assert found is not None
    assert found.get_secret_value() == key


def test_an_env_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=9000\r\nHOST='127.0.0.2'\r\n", "utf-8-sig")
    server = load_settings({}, file).server
    assert (server.port, server.host) == (9000, "127.0.0.2")


def test_in_local_mode_an_admin_may_have_any_id() -> None:
    assert load_settings({"ADMIN_AAD_OBJECT_IDS": "user-id-0"}, None).teams_app.admin_ids == (
        "user-id-0",
    )


# Proxies


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://api.datadoghq.eu", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://api.datadoghq.eu", "http://p:1"),
        ({"https_proxy": "p:1"}, "https://api.datadoghq.eu", "http://p:1"),
        ({"ALL_PROXY": "p:1"}, "https://smba.trafficmanager.net/de/", "http://p:1"),
        ({"ALL_PROXY": "p:1", "HTTPS_PROXY": "q:2"}, "https://x.example", "http://q:2"),
        ({"HTTPS_PROXY": "p:1"}, "http://127.0.0.1:9/v3", None),
        ({"HTTPS_PROXY": "p:1"}, "https://localhost:9/v3", None),
        ({"HTTPS_PROXY": "p:1"}, "https://[::1", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "*"}, "https://x.example", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "a.example, Y.example"}, "https://y.example", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": ".y.example"}, "https://a.y.example/b", None),
        ({"HTTPS_PROXY": "p:1", "no_proxy": "y.example"}, "https://a.Y.example/b", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "y.example"}, "https://ay.example", "http://p:1"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "10.0.0.7"}, "https://10.0.0.7:8443/", None),
    ],
)
def test_one_rule_says_which_proxy_a_request_takes(
    environ: dict[str, str], url: str, proxy: str | None
) -> None:
    assert load_settings(environ, None).proxies.for_url(url) == proxy


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("wrong", ["socks5://p:1", "http://", "p:port", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_named(name: str, wrong: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be the URL of an HTTP proxy"):
        load_settings({name: wrong}, None)
