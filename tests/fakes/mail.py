"""An email transport in memory with faults to inject."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default

from services.domain.errors import MailConnectError, MailError, MailFateUnknownError


@dataclass
class MemoryTransport:
    """Implements ``services.ports.MailTransport``; faults are used up one by one."""

    name: str = "smtp"
    sender: str = "costs@example.org"
    lanes: int = 2
    per_minute: int = 0
    reply_timeout_seconds: float = 90.0
    on_connect: list[Exception] = field(default_factory=list)
    on_offer: dict[str, list[Exception]] = field(default_factory=dict)
    on_hand_over: dict[str, list[Exception]] = field(default_factory=dict)
    before_offer: Callable[[str], Awaitable[None]] | None = None
    before_body: Callable[[bytes], Awaitable[None]] | None = None
    mails: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0

    @property
    def by_recipient(self) -> Counter[str]:
        return Counter(recipient for recipient, _ in self.mails)

    async def connect(self) -> "MemoryConnection":
        if self.on_connect:
            raise self.on_connect.pop(0)
        self.connections += 1
        return MemoryConnection(self)


@dataclass
class MemoryOutbox(MemoryTransport):
    """Implements ``services.ports.CapturedMails`` too."""

    name: str = "outbox"

    async def count_to(self, addresses: Sequence[str]) -> int:
        return sum(self.by_recipient[address] for address in addresses)

    async def remove_to(self, addresses: Sequence[str]) -> int:
        number = await self.count_to(addresses)
        self.mails = [mail for mail in self.mails if mail[0] not in addresses]
        return number


@dataclass
class MemoryConnection:
    """Implements ``services.ports.MailConnection``."""

    transport: MemoryTransport
    recipient: str = ""

    async def offer(self, sender: str, recipient: str) -> None:
        self.recipient = recipient
        if self.transport.before_offer is not None:
            await self.transport.before_offer(recipient)
        if errors := self.transport.on_offer.get(recipient):
            raise errors.pop(0)

    async def hand_over(self, raw: bytes) -> str:
        to = message_from_bytes(raw, policy=default)["To"].addresses[0].addr_spec
        if to != self.recipient:
            raise AssertionError(f"the mail to {to} was handed over to {self.recipient}")
        if self.transport.before_body is not None:
            await self.transport.before_body(raw)
        if errors := self.transport.on_hand_over.get(self.recipient):
            error = errors.pop(0)
            if isinstance(error, MailFateUnknownError) and error.args[0] == "accepted":
                self.transport.mails.append((self.recipient, raw))
            raise error
        self.transport.mails.append((self.recipient, raw))
        return "250 ok"

    async def aclose(self) -> None:
        pass


def greylisted() -> MailError:
    return MailError("451 try later", permanent=False, code=451)


def unknown_mailbox() -> MailError:
    return MailError("550 no such mailbox", permanent=True, code=550)


def cut_off() -> MailConnectError:
    return MailConnectError("the connection ended", permanent=False)


def lost_after_body(*, accepted: bool) -> MailFateUnknownError:
    return MailFateUnknownError("accepted" if accepted else "not accepted")
