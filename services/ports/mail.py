"""How mails leave."""

from collections.abc import Sequence
from typing import Protocol


class MailConnection(Protocol):
    """One open connection to the mail server, used for many mails in turn."""

    async def offer(self, sender: str, recipient: str) -> None:
        """Everything before the body. Raises MailError; after it the connection is usable
        unless it was a MailConnectError.
        """
        ...

    async def hand_over(self, raw: bytes) -> str:
        """The body; returns the server's answer.

        Raises MailError when the server refused the body (nothing was delivered), and
        MailFateUnknownError when the connection or the wait ended before an answer.
        """
        ...

    async def aclose(self) -> None: ...


class MailTransport(Protocol):
    """A way to send mail."""

    @property
    def name(self) -> str:
        """``smtp`` or ``outbox``; runs remember it."""
        ...

    @property
    def sender(self) -> str: ...

    @property
    def lanes(self) -> int:
        """Connections that may be open at once."""
        ...

    @property
    def per_minute(self) -> int:
        """Mails in any minute; 0: no limit."""
        ...

    @property
    def answer_within(self) -> float:
        """Seconds within which ``hand_over`` is over; later its fate counts as unknown."""
        ...

    async def connect(self) -> MailConnection:
        """Opens, secures and signs in. Raises MailConnectError with the cure in words."""
        ...


class CapturedMails(Protocol):
    """The outbox, for who has to be forgotten."""

    async def count_to(self, addresses: Sequence[str]) -> int:
        """How many captured mails there are to these addresses."""
        ...

    async def remove_to(self, addresses: Sequence[str]) -> int:
        """Removes the captured mails to these addresses; their number."""
        ...
