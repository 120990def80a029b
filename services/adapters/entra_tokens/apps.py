"""The apps that the agent signs in as, how each asks for a token, and what to do without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from services.domain.errors import BotSignInError, MailConnectError
from services.settings import SmtpSettings, TeamsAppSettings

IMDS_URL = "http://169.254.169.254/metadata/identity/oauth2/token"
"""The Instance Metadata Service of an Azure VM; the address is the same on every VM."""
FIXES = {
    90002: "Entra ID does not know the tenant: check {tenant}.",
    700016: "The app is not registered in this tenant: check {client} and {tenant}.",
    7000215: "The client secret is wrong: set {secret} to the secret's value, not its ID.",
    7000222: "The client secret has expired: create a new one and set {secret} to its value.",
}
"""What to do, by Entra's error code (the number after ``AADSTS``)."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """How to ask for a token."""

    method: Literal["GET", "POST"]
    url: str
    fields: Mapping[str, str] = field(repr=False)  # with the client secret
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_local: bool = False
    """Never through a proxy: a managed identity can only be used on the machine itself."""


@dataclass(frozen=True, slots=True)
class EntraApp:
    """The app that tokens are for, and how to explain why there are none."""

    purpose: str
    request: TokenRequest
    fix: str
    fixes: Mapping[int, str]
    unreachable_fix: str
    error: type[BotSignInError] | type[MailConnectError]


def bot_with_secret(settings: TeamsAppSettings) -> EntraApp:
    """The bot, signed in with a client secret."""
    names = {
        "tenant": "MicrosoftAppTenantId",
        "client": "MicrosoftAppId",
        "secret": "MicrosoftAppPassword",
    }
    secret = settings.password.get_secret_value() if settings.password else ""
    return EntraApp(
        purpose="the bot",
        request=TokenRequest(
            "POST",
            settings.token_url,
            _client_credentials(settings.app_id, secret, f"{settings.resource}/.default"),
        ),
        fix="Check MicrosoftAppId, MicrosoftAppPassword and MicrosoftAppTenantId.",
        fixes=_fixes(names),
        unreachable_fix="Check the network.",
        error=BotSignInError,
    )


def bot_with_managed_identity(settings: TeamsAppSettings) -> EntraApp:
    """The bot, signed in as the managed identity of the machine."""
    header = settings.identity_header.get_secret_value() if settings.identity_header else ""
    on_app_service = settings.identity_endpoint is not None
    return EntraApp(
        purpose="the bot",
        request=TokenRequest(
            "GET",
            settings.identity_endpoint or IMDS_URL,
            {
                "resource": settings.resource,
                "client_id": settings.app_id or "",
                "api-version": "2019-08-01" if on_app_service else "2018-02-01",
            },
            # Without its header either service refuses: it guards against forged requests (SSRF).
            {"X-IDENTITY-HEADER": header} if on_app_service else {"Metadata": "true"},
            is_local=True,
        ),
        fix="Check that this machine has the managed identity MicrosoftAppId.",
        fixes={},
        unreachable_fix="Check that this machine has the managed identity MicrosoftAppId.",
        error=BotSignInError,
    )


def email_app(settings: SmtpSettings) -> EntraApp:
    """The app that sends email, signed in with a client secret."""
    names = {
        "tenant": "SMTP_OAUTH_TENANT_ID",
        "client": "SMTP_OAUTH_CLIENT_ID",
        "secret": "SMTP_OAUTH_CLIENT_SECRET",
    }
    secret = settings.oauth_client_secret
    return EntraApp(
        purpose="email",
        request=TokenRequest(
            "POST",
            settings.oauth_token_url,
            _client_credentials(
                settings.oauth_client_id,
                secret.get_secret_value() if secret else "",
                settings.token_scope,
            ),
        ),
        fix="Check SMTP_OAUTH_TENANT_ID, SMTP_OAUTH_CLIENT_ID and SMTP_OAUTH_CLIENT_SECRET.",
        fixes=_fixes(names),
        unreachable_fix="Check the network and SMTP_OAUTH_AUTHORITY.",
        error=MailConnectError,
    )


def _client_credentials(client_id: str | None, secret: str, scope: str) -> dict[str, str]:
    return {
        "grant_type": "client_credentials",
        "client_id": client_id or "",
        "client_secret": secret,
        "scope": scope,
    }


def _fixes(setting_names: Mapping[str, str]) -> dict[int, str]:
    return {code: fix.format(**setting_names) for code, fix in FIXES.items()}
