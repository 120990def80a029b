"""How the agent proves to Microsoft's services who it is."""

from typing import Protocol


class AccessTokens(Protocol):
    """The access tokens of one app, for one service."""

    async def get(self, *, stale: str | None = None) -> str:
        """A valid token. ``stale``: one that the service refused; it is not returned again.

        Raises the error of the service that it is for (BotSignInError, MailConnectError).
        """
        ...
