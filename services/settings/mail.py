"""Email settings: the server, the sign-in and the limits."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from services.domain.addresses import is_loopback
from services.settings.group import SettingsGroup
from services.settings.kinds import PUBLIC_LOGIN, EntraId, Host, Sender, Tenant, WebAddress


class SmtpSettings(SettingsGroup):
    host: Host | None = Field(
        None, alias="SMTP_HOST", description="SMTP server. Unset: emails go to the outbox."
    )
    port: int = Field(
        587, alias="SMTP_PORT", description="Port of the SMTP server.", ge=1, le=65535
    )
    user: str | None = Field(
        None, alias="SMTP_USER", description="User name for the SMTP sign-in."
    )
    password: SecretStr | None = Field(
        None, alias="SMTP_PASSWORD", description="Password for the SMTP sign-in."
    )
    sender: Sender | None = Field(
        None, alias="SENDER_EMAIL", description="From address. Unset: `SMTP_USER`."
    )
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls",
        alias="SMTP_TLS",
        description="`starttls`, `implicit`, or `none` (only for a server on this machine).",
    )
    rate_per_minute: int = Field(
        30,
        alias="SMTP_RATE_PER_MINUTE",
        description="Maximum emails per minute, across all replicas. 0: no limit.",
        ge=0,
    )
    max_connections: int = Field(
        3,
        alias="SMTP_MAX_CONNECTIONS",
        description="Maximum concurrent connections to the SMTP server.",
        ge=1,
        le=50,
    )
    auth: Literal["password", "oauth2"] = Field(
        "password",
        alias="SMTP_AUTH",
        description="How to sign in: `password`, or `oauth2` (client credentials, for Exchange "
        "Online).",
    )
    oauth_tenant_id: Tenant | None = Field(
        None,
        alias="SMTP_OAUTH_TENANT_ID",
        description="Entra tenant of the app that sends email.",
    )
    oauth_client_id: EntraId | None = Field(
        None,
        alias="SMTP_OAUTH_CLIENT_ID",
        description="Client ID of the app that sends email.",
    )
    oauth_client_secret: SecretStr | None = Field(
        None, alias="SMTP_OAUTH_CLIENT_SECRET", description="Client secret of that app."
    )
    oauth_authority: WebAddress = Field(
        PUBLIC_LOGIN,
        alias="SMTP_OAUTH_AUTHORITY",
        description="Sign-in authority of that app, for sovereign clouds and tests.",
    )
    oauth_scope: str = Field(
        "https://outlook.office365.com/.default",
        alias="SMTP_OAUTH_SCOPE",
        description="Scope of that app's SMTP tokens.",
    )
    transport: Literal["smtp", "graph"] = Field(
        "smtp",
        alias="MAIL_TRANSPORT",
        description="`smtp`, or `graph` (Microsoft Graph, which uses the `SMTP_OAUTH_…` settings).",
    )
    graph_url: WebAddress = Field(
        "https://graph.microsoft.com",
        alias="GRAPH_URL",
        description="Microsoft Graph endpoint, for sovereign clouds and tests.",
    )
    when_unsure: Literal["resend", "hold"] = Field(
        "resend",
        alias="MAIL_WHEN_UNSURE",
        description="What happens to an email when the connection breaks before the server replies: "
        "`resend` sends the identical email again, `hold` leaves it to an admin.",
    )

    @model_validator(mode="after")
    def _has_all_sign_in_settings(self) -> Self:
        if self.transport == "smtp" and self.auth == "password":
            return self
        required = {
            "SMTP_OAUTH_TENANT_ID": self.oauth_tenant_id,
            "SMTP_OAUTH_CLIENT_ID": self.oauth_client_id,
            "SMTP_OAUTH_CLIENT_SECRET": self.oauth_client_secret,
        }
        if self.transport == "graph":
            required["SENDER_EMAIL"] = self.sender or self.user
        elif self.host:
            required["SMTP_USER"] = self.user or self.sender
        missing = [name for name, value in required.items() if not value]
        if missing:
            reason = "MAIL_TRANSPORT=graph" if self.transport == "graph" else "SMTP_AUTH=oauth2"
            raise ValueError(f"{', '.join(missing)} missing, required by {reason}")
        return self

    @property
    def oauth_token_url(self) -> str:
        """The token endpoint of the app that sends email (OAuth 2.0 client credentials)."""
        return f"{self.oauth_authority}/{self.oauth_tenant_id}/oauth2/v2.0/token"

    @property
    def token_scope(self) -> str:
        """The scope of the app's tokens: Microsoft Graph or SMTP."""
        return f"{self.graph_url}/.default" if self.transport == "graph" else self.oauth_scope

    @property
    def sends_email(self) -> bool:
        """Whether emails leave this machine; otherwise they go to the outbox."""
        return self.transport == "graph" or self.host is not None

    @model_validator(mode="after")
    def _plain_text_only_to_this_machine(self) -> Self:
        if self.host and self.tls == "none" and not is_loopback(self.host):
            raise ValueError(
                "SMTP_TLS=none is only allowed to this machine; use starttls or implicit"
            )
        return self
