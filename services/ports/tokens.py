"""OAuth 2.0 access tokens for Microsoft's services."""

from typing import Protocol


class AccessTokens(Protocol):
    """Access tokens of one app for one service."""

    async def get(self, *, stale: str | None = None) -> str:
        """Return a valid token. ``stale``: a refused token, which is not returned again.

        Raises the error of the service that the token is for (BotSignInError, MailConnectError).
        """
        ...
