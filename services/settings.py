"""Settings from the environment, ``.env`` and secret files; the only module that reads them.

``load_settings()`` is called once, in ``main()``. Each adapter receives its own group.
An empty value counts as unset (compose files pass ``NAME=``), and ``NAME_FILE`` names a file
that holds the value of ``NAME``.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from services.errors import SettingsError

DATADOG_SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://example.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is allowed towards this machine only; use https")
    return url.rstrip("/")


def _comma_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


WebAddress = Annotated[str, BeforeValidator(_https_or_loopback)]
EXAMPLE_PAGE = "https://example.com/aws-cost-agent"
"""A domain that is kept for examples: it belongs to nobody and shows nothing private."""
GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
TENANT = r"^[0-9A-Za-z][0-9A-Za-z.-]{0,253}$"
"""A tenant's id or one of its domains."""
PUBLIC_LOGIN = "https://login.microsoftonline.com"


class Group(BaseModel):
    """Settings of one adapter; field aliases are the names in the environment."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )


class MongoSettings(Group):
    url: SecretStr | None = Field(
        None, alias="MONGO_URL", description="MongoDB address; unset: the embedded MongoDB."
    )
    database: str = Field(
        "aws_cost_agent",
        alias="DB_NAME",
        description="Database name.",
        pattern=r"^[A-Za-z0-9_-]{1,38}$",
    )


class DatadogSettings(Group):
    api_key: SecretStr | None = Field(
        None, alias="DATADOG_API_KEY", description="Datadog API key; unset: sample costs."
    )
    app_key: SecretStr | None = Field(
        None,
        alias="DATADOG_APP_KEY",
        description="Datadog application key with the scopes timeseries_query and "
        "cloud_cost_management_read.",
    )
    site: str = Field(
        "datadoghq.com", alias="DATADOG_SITE", description="Datadog site of your organisation."
    )
    api_url: WebAddress | None = Field(
        None,
        alias="DATADOG_API_URL",
        description="Overrides `https://api.<site>`, for proxies and tests.",
    )
    cost_metric: str | None = Field(
        None,
        alias="DATADOG_COST_METRIC",
        description="Cost metric; unset: aws.cost.net.amortized if it has data, else "
        "aws.cost.amortized.",
        pattern=r"^[A-Za-z][A-Za-z0-9_.]{0,199}$",
    )
    accounts_per_query: int = Field(
        250,
        alias="DATADOG_ACCOUNTS_PER_QUERY",
        description="Accounts asked for in one query; halved by itself when an answer is cut off.",
        ge=1,
        le=1000,
    )

    @field_validator("site")
    @classmethod
    def _known_site(cls, site: str) -> str:
        site = site.strip().lower()
        if site not in DATADOG_SITES:
            raise ValueError(f"must be one of {', '.join(DATADOG_SITES)}")
        return site

    @model_validator(mode="after")
    def _both_keys_or_none(self) -> Self:
        if (self.api_key is None) != (self.app_key is None):
            missing = "DATADOG_APP_KEY" if self.app_key is None else "DATADOG_API_KEY"
            raise ValueError(f"{missing} is missing; set both keys, or neither for sample costs")
        return self

    @property
    def active(self) -> bool:
        return self.api_key is not None

    @property
    def base_url(self) -> str:
        return self.api_url or f"https://api.{self.site}"


class SmtpSettings(Group):
    host: str | None = Field(
        None, alias="SMTP_HOST", description="Mail server; unset: mails go to the outbox."
    )
    port: int = Field(587, alias="SMTP_PORT", description="Mail server port.", ge=1, le=65535)
    user: str | None = Field(None, alias="SMTP_USER", description="User to sign in with.")
    password: SecretStr | None = Field(
        None, alias="SMTP_PASSWORD", description="Password to sign in with."
    )
    sender: str | None = Field(
        None, alias="SENDER_EMAIL", description="From address; unset: SMTP_USER."
    )
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls",
        alias="SMTP_TLS",
        description="starttls, implicit, or none (towards this machine only).",
    )
    rate_per_minute: int = Field(
        30,
        alias="SMTP_RATE_PER_MINUTE",
        description="Mails in any minute, over all processes; 0: no limit.",
        ge=0,
    )
    max_connections: int = Field(
        3,
        alias="SMTP_MAX_CONNECTIONS",
        description="Connections to the mail server at once.",
        ge=1,
        le=50,
    )
    auth: Literal["password", "oauth2"] = Field(
        "password",
        alias="SMTP_AUTH",
        description="How to sign in: oauth2 (client credentials, for Exchange Online) or "
        "password.",
    )
    oauth_tenant_id: str | None = Field(
        None,
        alias="SMTP_OAUTH_TENANT_ID",
        description="Entra tenant of the app that sends mail.",
        pattern=TENANT,
    )
    oauth_client_id: str | None = Field(
        None,
        alias="SMTP_OAUTH_CLIENT_ID",
        description="Client id of the app that sends mail.",
    )
    oauth_client_secret: SecretStr | None = Field(
        None, alias="SMTP_OAUTH_CLIENT_SECRET", description="Client secret of that app."
    )
    oauth_authority: WebAddress = Field(
        PUBLIC_LOGIN,
        alias="SMTP_OAUTH_AUTHORITY",
        description="Where that app signs in, for sovereign clouds and tests.",
    )
    oauth_scope: str = Field(
        "https://outlook.office365.com/.default",
        alias="SMTP_OAUTH_SCOPE",
        description="Scope of its tokens for SMTP.",
    )
    transport: Literal["smtp", "graph"] = Field(
        "smtp",
        alias="MAIL_TRANSPORT",
        description="smtp, or graph (Microsoft Graph, with the SMTP_OAUTH_ settings).",
    )
    graph_url: WebAddress = Field(
        "https://graph.microsoft.com",
        alias="GRAPH_URL",
        description="Microsoft Graph, for sovereign clouds and tests.",
    )
    when_unsure: Literal["resend", "hold"] = Field(
        "resend",
        alias="MAIL_WHEN_UNSURE",
        description="What to do when a connection ends before the server answered: send the "
        "identical mail again (resend), or leave it to an admin (hold).",
    )

    @field_validator("sender")
    @classmethod
    def _address(cls, sender: str | None) -> str | None:
        return None if sender is None else mail_address(sender)

    @model_validator(mode="after")
    def _signs_in_whole(self) -> Self:
        if self.transport == "smtp" and self.auth == "password":
            return self
        wanted = {
            "SMTP_OAUTH_TENANT_ID": self.oauth_tenant_id,
            "SMTP_OAUTH_CLIENT_ID": self.oauth_client_id,
            "SMTP_OAUTH_CLIENT_SECRET": self.oauth_client_secret,
        }
        if self.transport == "graph":
            wanted["SENDER_EMAIL"] = self.sender or self.user
        elif self.host:
            wanted["SMTP_USER"] = self.user or self.sender
        missing = [name for name, value in wanted.items() if not value]
        if missing:
            why = "MAIL_TRANSPORT=graph" if self.transport == "graph" else "SMTP_AUTH=oauth2"
            raise ValueError(f"{', '.join(missing)} missing, needed by {why}")
        return self

    @property
    def oauth_token_url(self) -> str:
        """Where the app that sends mail gets its tokens."""
        return f"{self.oauth_authority}/{self.oauth_tenant_id}/oauth2/v2.0/token"

    @property
    def sends(self) -> bool:
        """Whether mail leaves this machine at all."""
        return self.transport == "graph" or self.host is not None

    @model_validator(mode="after")
    def _plain_only_here(self) -> Self:
        if self.host and self.tls == "none" and not is_loopback(self.host):
            raise ValueError(
                "SMTP_TLS=none is allowed towards this machine only; use starttls or implicit"
            )
        return self


class TeamsAppSettings(Group):
    app_id: str | None = Field(
        None,
        alias="MicrosoftAppId",
        description="App (client) id of the bot; unset: Teams in local mode.",
        pattern=GUID,
    )
    password: SecretStr | None = Field(
        None, alias="MicrosoftAppPassword", description="Client secret of the bot."
    )
    kind: Literal["SingleTenant", "UserAssignedMSI"] = Field(
        "SingleTenant",
        alias="MicrosoftAppType",
        description="SingleTenant (client secret), or UserAssignedMSI (managed identity).",
    )
    tenant_id: str | None = Field(
        None,
        alias="MicrosoftAppTenantId",
        description="Entra tenant; only its members are answered.",
        pattern=GUID,
    )
    api_audience: str | None = Field(
        None,
        alias="API_AUDIENCE",
        description="Audience of Entra ID access tokens that REST takes beside its API keys: the "
        "app registration's id or its api:// address; unset: no tokens.",
        max_length=200,
    )
    admin_ids: Annotated[tuple[str, ...], BeforeValidator(_comma_list)] = Field(
        (),
        alias="ADMIN_AAD_OBJECT_IDS",
        description="Entra object ids of the first admins, separated by commas.",
    )
    openid_metadata_url: WebAddress = Field(
        "https://login.botframework.com/v1/.well-known/openidconfiguration",
        alias="TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL",
        description="Where the keys of Bot Framework tokens are published.",
    )
    token_issuer: str = Field(
        "https://api.botframework.com",
        alias="TO_BOT_FROM_CHANNEL_TOKEN_ISSUER",
        description="Issuer of Bot Framework tokens.",
    )
    login_url: WebAddress | None = Field(
        None,
        alias="TO_CHANNEL_FROM_BOT_LOGIN_URL",
        description="Authority of the tenant at Entra ID; unset: the public cloud's.",
    )
    oauth_scope: str = Field(
        "https://api.botframework.com",
        alias="TO_CHANNEL_FROM_BOT_OAUTH_SCOPE",
        description="Scope of the bot's own tokens.",
    )
    identity_endpoint: str | None = Field(
        None,
        alias="IDENTITY_ENDPOINT",
        description="Token address of a managed identity, as Azure sets it; unset: the one of "
        "virtual machines.",
    )
    identity_header: SecretStr | None = Field(
        None,
        alias="IDENTITY_HEADER",
        description="Secret header of that address, as Azure sets it.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.api_audience is not None and self.tenant_id is None:
            raise ValueError("MicrosoftAppTenantId is missing; set it beside API_AUDIENCE")
        if self.app_id is None:
            return self
        if self.tenant_id is None:
            raise ValueError("MicrosoftAppTenantId is missing; set it beside MicrosoftAppId")
        if self.kind == "SingleTenant" and self.password is None:
            raise ValueError(
                "MicrosoftAppPassword is missing; set it, or MicrosoftAppType=UserAssignedMSI"
            )
        return self

    @property
    def authority(self) -> str:
        """The tenant's address at Entra ID."""
        return self.login_url or f"{PUBLIC_LOGIN}/{self.tenant_id}"

    @property
    def token_url(self) -> str:
        """Where the bot's own tokens are got with its secret."""
        return f"{self.authority}/oauth2/v2.0/token"

    @property
    def resource(self) -> str:
        """The audience of the bot's own tokens, without a scope's suffix."""
        return self.oauth_scope.removesuffix("/.default")


class ServerSettings(Group):
    host: str = Field("127.0.0.1", alias="HOST", description="Address to listen on.")
    port: int = Field(8001, alias="PORT", description="Port to listen on.", ge=1, le=65535)
    data_dir: Path = Field(
        Path("var"),
        alias="DATA_DIR",
        description="Folder of the embedded MongoDB, the outbox and the key file.",
    )
    secret_key: SecretStr | None = Field(
        None,
        alias="SECRET_KEY",
        description="Encrypts stored secrets; unset: a key file in DATA_DIR.",
        min_length=16,
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", alias="LOG_LEVEL", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["console", "json"] = Field(
        "console", alias="LOG_FORMAT", description="console or json."
    )

    @property
    def outbox_dir(self) -> Path:
        """Where captured mails are kept."""
        return self.data_dir / "outbox"

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, level: Any) -> Any:
        return level.upper() if isinstance(level, str) else level


class CostSettings(Group):
    complete_after_hours: int = Field(
        48,
        alias="COST_DAY_COMPLETE_AFTER_HOURS",
        description="Hours after its end at which a UTC day's costs count as complete.",
        ge=0,
        le=240,
    )


def _https(url: str) -> str:
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise ValueError("must be an address such as https://example.com")
    return url


Page = Annotated[str, AfterValidator(_https), Field(max_length=2048)]


class ManifestSettings(Group):
    """What ``make manifest`` alone reads; the agent itself has no use for it."""

    app_id: str | None = Field(None, alias="MicrosoftAppId", pattern=GUID)
    developer: str = Field(
        "AWS Cost Agent",
        alias="TEAMS_DEVELOPER_NAME",
        description="Who offers the app, as Teams shows it; at most 32 characters.",
        max_length=32,
    )
    website: Page = Field(
        EXAMPLE_PAGE,
        alias="TEAMS_WEBSITE_URL",
        description="Page about the app, for the people who use it (https).",
    )
    privacy_page: Page | None = Field(
        None,
        alias="TEAMS_PRIVACY_URL",
        description="Page about privacy (https); unset: TEAMS_WEBSITE_URL.",
    )
    terms_page: Page | None = Field(
        None,
        alias="TEAMS_TERMS_URL",
        description="Page with the terms of use (https); unset: TEAMS_WEBSITE_URL.",
    )

    @property
    def privacy(self) -> str:
        return self.privacy_page or self.website

    @property
    def terms(self) -> str:
        return self.terms_page or self.website

    @property
    def uses_example_pages(self) -> bool:
        return self.website == EXAMPLE_PAGE


class Settings(Group):
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


def mail_address(text: str) -> str:
    """A mail address in its normal form; ValueError with a reason when it is not one.

    The domain is lower-cased and turned into its ASCII form; a local part beyond ASCII is
    refused, as most mail servers cannot deliver to it.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(f"is not a mail address: {str(error).rstrip('.')}") from error
    return f"{found.local_part}@{found.ascii_domain}"


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


def setting_fields() -> list[tuple[str, Any]]:
    """All settings as (group name, pydantic field), for the docs and the checks of them."""
    groups = {name: info.annotation for name, info in Settings.model_fields.items()}
    return [
        (name, field)
        for name, group in [*groups.items(), ("manifest", ManifestSettings)]
        if isinstance(group, type) and issubclass(group, Group)
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
    groups: dict[str, Group] = {}
    problems: list[str] = []
    for name, info in Settings.model_fields.items():
        group = info.annotation
        assert isinstance(group, type)  # noqa: S101 - for the type checker
        assert issubclass(group, Group)  # noqa: S101 - for the type checker
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
    given = os.environ if environ is None else environ  # noqa: TID251 - the one place
    return _with_files({**_set(stored), **_set(given)})


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{loc[0]}: {text}" if loc else text
