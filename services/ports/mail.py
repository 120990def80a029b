"""Mail transports, and the outbox of captured emails."""

from collections.abc import Sequence
from typing import Protocol


class MailConnection(Protocol):
    """An open connection to the mail server, used for many emails in turn."""

    async def offer(self, sender: str, recipient: str) -> None:
        """Send everything before the body.

        Raises MailError; the connection stays usable unless it was a MailConnectError.
        """
        ...

    async def hand_over(self, raw: bytes) -> str:
        """Send the body and return the server's reply.

        Raises MailError if the server refused the body (nothing was delivered), and
        MailFateUnknownError if the connection or the wait ended before a reply.
        """
        ...

    async def aclose(self) -> None: ...


class MailTransport(Protocol):
    """A way to send emails."""

    @property
    def name(self) -> str:
        """``smtp``, ``graph`` or ``outbox``; stored with each run."""
        ...

    @property
    def sender(self) -> str: ...

    @property
    def lanes(self) -> int:
        """The maximum number of open connections."""
        ...

    @property
    def per_minute(self) -> int:
        """Maximum emails in any minute; 0 means no limit."""
        ...

    @property
    def reply_timeout_seconds(self) -> float:
        """Seconds that ``hand_over`` may take; after that, the fate of the email is unknown."""
        ...

    async def connect(self) -> MailConnection:
        """Connect, secure the connection and sign in. Raises MailConnectError with the fix."""
        ...


class CapturedMails(Protocol):
    """The outbox, as erasing a person sees it."""

    async def count_to(self, addresses: Sequence[str]) -> int:
        """Count the captured emails to these addresses."""
        ...

    async def remove_to(self, addresses: Sequence[str]) -> int:
        """Remove the captured emails to these addresses; returns how many."""
        ...
