"""Settings of the Teams app: the bot, and the app package that people install."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from services.settings.group import SettingsGroup
from services.settings.kinds import (
    EXAMPLE_ID,
    PUBLIC_LOGIN,
    Audience,
    EntraId,
    IdList,
    Page,
    WebAddress,
    canonical_id,
)

EXAMPLE_PAGE = "https://example.com/aws-cost-agent"
"""example.com is reserved for documentation (RFC 2606), so nobody can take over these pages."""


class TeamsAppSettings(SettingsGroup):
    app_id: EntraId | None = Field(
        None,
        alias="MicrosoftAppId",
        description="App (client) ID of the bot. Unset: Teams runs in local mode.",
    )
    password: SecretStr | None = Field(
        None, alias="MicrosoftAppPassword", description="Client secret of the bot."
    )
    kind: Literal["SingleTenant", "UserAssignedMSI"] = Field(
        "SingleTenant",
        alias="MicrosoftAppType",
        description="`SingleTenant` (client secret) or `UserAssignedMSI` (managed identity).",
    )
    tenant_id: EntraId | None = Field(
        None,
        alias="MicrosoftAppTenantId",
        description="Entra tenant. The bot answers only its members.",
    )
    api_audience: Audience | None = Field(
        None,
        alias="API_AUDIENCE",
        description="Audience of the Entra ID access tokens that REST accepts in addition to API "
        "keys: the client ID or the `api://` URI of the app registration. Unset: no tokens.",
        max_length=200,
    )
    admin_ids: IdList = Field(
        (),
        alias="ADMIN_AAD_OBJECT_IDS",
        description="Entra object IDs of the first admins, separated by commas.",
    )
    openid_metadata_url: WebAddress = Field(
        "https://login.botframework.com/v1/.well-known/openidconfiguration",
        alias="TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL",
        description="OpenID metadata of the keys that sign Bot Framework tokens.",
    )
    token_issuer: str = Field(
        "https://api.botframework.com",
        alias="TO_BOT_FROM_CHANNEL_TOKEN_ISSUER",
        description="Issuer of Bot Framework tokens.",
    )
    login_url: WebAddress | None = Field(
        None,
        alias="TO_CHANNEL_FROM_BOT_LOGIN_URL",
        description="Entra ID authority of the tenant. Unset: that of the public cloud.",
    )
    oauth_scope: str = Field(
        "https://api.botframework.com",
        alias="TO_CHANNEL_FROM_BOT_OAUTH_SCOPE",
        description="Scope of the bot's own tokens.",
    )
    identity_endpoint: str | None = Field(
        None,
        alias="IDENTITY_ENDPOINT",
        description="Token endpoint of a managed identity, set by Azure. Unset: the endpoint of "
        "virtual machines.",
    )
    identity_header: SecretStr | None = Field(
        None,
        alias="IDENTITY_HEADER",
        description="Secret header for that endpoint, set by Azure.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.api_audience is not None and self.tenant_id is None:
            raise ValueError("MicrosoftAppTenantId is missing; set it beside API_AUDIENCE")
        if self.app_id is None:
            return self
        # In local mode people have whatever IDs their tool gives them.
        names = [name for name in self.admin_ids if canonical_id(name) is None]
        if names:
            raise ValueError(
                f"ADMIN_AAD_OBJECT_IDS must contain object IDs such as {EXAMPLE_ID}, and "
                f"{names[0][:60]} is not one; copy it from the person's page in Entra ID"
            )
        if self.tenant_id is None:
            raise ValueError("MicrosoftAppTenantId is missing; set it beside MicrosoftAppId")
        if self.kind == "SingleTenant" and self.password is None:
            raise ValueError(
                "MicrosoftAppPassword is missing; set it, or MicrosoftAppType=UserAssignedMSI"
            )
        return self

    @property
    def token_audiences(self) -> tuple[str, ...]:
        """The audiences of Bot Framework tokens for this bot.

        A bot with single sign-on is registered under the URI that Teams requires of it,
        ``api://botid-<app ID>``, and its tokens may name that.
        """
        return () if self.app_id is None else (self.app_id, f"api://botid-{self.app_id}")

    @property
    def authority(self) -> str:
        """The tenant's URL at Entra ID."""
        return self.login_url or f"{PUBLIC_LOGIN}/{self.tenant_id}"

    @property
    def token_url(self) -> str:
        """The token endpoint for the bot's own tokens (OAuth 2.0 client credentials)."""
        return f"{self.authority}/oauth2/v2.0/token"

    @property
    def resource(self) -> str:
        """The audience of the bot's own tokens: managed identities expect a resource, not a scope."""
        return self.oauth_scope.removesuffix("/.default")


class ManifestSettings(SettingsGroup):
    """Settings that only ``make manifest`` reads, not the agent."""

    app_id: EntraId | None = Field(None, alias="MicrosoftAppId")
    developer: str = Field(
        "AWS Cost Agent",
        alias="TEAMS_DEVELOPER_NAME",
        description="Developer name that Teams shows, at most 32 characters.",
        max_length=32,
    )
    website: Page = Field(
        EXAMPLE_PAGE,
        alias="TEAMS_WEBSITE_URL",
        description="Web page about the app for its users (https).",
    )
    privacy_page: Page | None = Field(
        None,
        alias="TEAMS_PRIVACY_URL",
        description="Privacy policy (https). Unset: `TEAMS_WEBSITE_URL`.",
    )
    terms_page: Page | None = Field(
        None,
        alias="TEAMS_TERMS_URL",
        description="Terms of use (https). Unset: `TEAMS_WEBSITE_URL`.",
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
