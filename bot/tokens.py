"""The bot's own tokens: fetched with its secret or its managed identity, cached, fetched once."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from services.errors import AgentError
from services.ports import Clock
from services.settings import TeamsAppSettings

TIMEOUT = aiohttp.ClientTimeout(total=10)
EARLY = timedelta(minutes=5)
"""A token is renewed so long before it ends."""
MACHINE_IDENTITY = "http://169.254.169.254/metadata/identity/oauth2/token"
TRIES = 3
OK = 200
BUSY = 429
SERVER_SIDE = 500
CURES = {
    90002: "Entra knows no such tenant: check MicrosoftAppTenantId.",
    700016: "The app is not in this tenant: check MicrosoftAppId and MicrosoftAppTenantId.",
    7000215: "The secret is wrong: set MicrosoftAppPassword to its value, not to its id.",
    7000222: "The secret has expired: make a new one and set MicrosoftAppPassword to its value.",
}
"""What to do, by the number that Entra gives (AADSTS)."""


class TokenError(AgentError):
    """The bot cannot get a token of its own; names the setting that cures it."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    ends: datetime


class Tokens:
    """Gives out the bot's token for the Bot Connector."""

    def __init__(
        self, settings: TeamsAppSettings, http: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._token: _Token | None = None
        self._fetching = asyncio.Lock()

    async def get(self) -> str | None:
        """A valid token, None in local mode. Raises TokenError with the cure."""
        if self._settings.app_id is None:
            return None
        if not self._good(EARLY):
            async with self._fetching:
                if not self._good(EARLY):
                    await self._renew()
        if self._token is None:
            raise AssertionError("a renewal gives a token or raises")
        return self._token.text

    def _good(self, early: timedelta) -> bool:
        return self._token is not None and self._clock() + early < self._token.ends

    async def _renew(self) -> None:
        try:
            self._token = await self._fetched()
        except TokenError:
            if not self._good(timedelta(0)):
                raise

    async def _fetched(self) -> _Token:
        problem: TokenError | None = None
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(0.3 * 3**attempt)
            try:
                status, body = await self._ask()
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                problem = self._away(error)
                continue
            if status == OK and isinstance(body, dict) and body.get("access_token"):
                seconds = float(body.get("expires_in") or 3600)
                ends = self._clock() + timedelta(seconds=seconds)
                return _Token(str(body["access_token"]), ends)
            problem = self._refused(status, body)
            if problem.permanent:
                break
        raise problem or AssertionError("each try gives a token or a problem")

    async def _ask(self) -> tuple[int, Any]:
        settings = self._settings
        if settings.kind == "SingleTenant":
            secret = settings.password.get_secret_value() if settings.password else ""
            form = {
                "grant_type": "client_credentials",
                "client_id": settings.app_id or "",
                "client_secret": secret,
                "scope": f"{settings.resource}/.default",
            }
            request = self._http.post(settings.token_url, data=form, timeout=TIMEOUT)
        else:
            request = self._managed_identity()
        async with request as response:
            return response.status, await response.json(content_type=None)

    def _managed_identity(self) -> Any:
        settings = self._settings
        query = {"resource": settings.resource, "client_id": settings.app_id or ""}
        if settings.identity_endpoint is None:
            query["api-version"] = "2018-02-01"
            return self._http.get(
                MACHINE_IDENTITY, params=query, headers={"Metadata": "true"}, timeout=TIMEOUT
            )
        query["api-version"] = "2019-08-01"
        header = settings.identity_header.get_secret_value() if settings.identity_header else ""
        return self._http.get(
            settings.identity_endpoint,
            params=query,
            headers={"X-IDENTITY-HEADER": header},
            timeout=TIMEOUT,
        )

    def _cure(self) -> str:
        if self._settings.kind == "UserAssignedMSI":
            return "Check that this machine has the managed identity MicrosoftAppId."
        return "Check MicrosoftAppId, MicrosoftAppPassword and MicrosoftAppTenantId."

    def _refused(self, status: int, body: Any) -> TokenError:
        answer = body if isinstance(body, dict) else {}
        said = str(answer.get("error", ""))
        words = f", {said[:80]}" if said else ""
        codes = answer.get("error_codes")
        listed = codes if isinstance(codes, list) else []
        known = [cure for code, cure in CURES.items() if code in listed]
        return TokenError(
            f"Entra gives the bot no token ({status}{words}). {(known or [self._cure()])[0]}",
            permanent=status < SERVER_SIDE and status != BUSY,
        )

    def _away(self, error: Exception) -> TokenError:
        reason = str(error) or type(error).__name__
        return TokenError(
            f"The sign-in service cannot be reached ({reason}). Check the network.",
            permanent=False,
        )
