"""The app in Teams: the bot that speaks, and the package that people install."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from services.settings.group import SettingsGroup
from services.settings.kinds import GUID, PUBLIC_LOGIN, CommaList, Page, WebAddress

EXAMPLE_PAGE = "https://example.com/aws-cost-agent"
"""A domain that is kept for examples: it belongs to nobody and shows nothing private."""


class TeamsAppSettings(SettingsGroup):
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
    admin_ids: CommaList = Field(
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


class ManifestSettings(SettingsGroup):
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
