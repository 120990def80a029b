"""An SMTP server for tests that records what it accepts and injects faults.

In a test::

    async with FakeSmtp(Faults(greylist={"a@x.com": 1})) as smtp:
        settings = smtp.settings()

As a program: ``python -m tests.servers.smtp --port 2525 --record mails.jsonl --delay 0.05``.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any, Self

from services.settings import SmtpSettings


@dataclass
class Mail:
    """One accepted message."""

    sender: str
    recipient: str
    raw: bytes
    at: float
    connection: int
    port: int = 0
    """The server's: where several take the place of one, it tells who sent."""
    answered: bool = False
    """Whether the server confirmed it: without a fault it always does."""

    @property
    def message_id(self) -> str:
        return str(message_from_bytes(self.raw)["Message-ID"])

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.raw).hexdigest()


@dataclass
class Faults:
    """What goes wrong, by recipient; each fault is used up."""

    refuse: dict[str, str] = field(default_factory=dict)
    """The reply to every RCPT, such as "550 mailbox full"."""
    greylist: dict[str, int] = field(default_factory=dict)
    """How often RCPT is answered with 451 before it is accepted."""
    data_reply: dict[str, list[str]] = field(default_factory=dict)
    """Replies to DATA itself, one for each attempt."""
    final_reply: dict[str, list[str]] = field(default_factory=dict)
    """Replies to the body other than 250, one for each attempt."""
    drop_at: dict[str, list[str]] = field(default_factory=dict)
    """Where to close the connection, one for each attempt: rcpt, data, body, accepted, unaccepted."""
    hang_at: dict[str, list[str]] = field(default_factory=dict)
    """Where to stop replying, in the same terms."""
    greeting: list[str] = field(default_factory=list)
    """Greetings other than 220, one for each connection."""
    sender_reply: list[str] = field(default_factory=list)
    """Replies to MAIL other than 250."""
    reset_reply: list[str] = field(default_factory=list)
    """Replies to RSET other than 250."""
    max_mails_per_connection: int | None = None
    """Emails after which a connection is closed with 421."""


@dataclass
class FakeSmtp:
    """The server."""

    faults: Faults = field(default_factory=Faults)
    delay: float = 0.0
    """Seconds before every reply."""
    password: str | None = None
    """The password of every user; None: password sign-in is not offered."""
    tokens: set[str] | None = None
    """Access tokens valid for XOAUTH2; None: it is not offered."""
    tls: ssl.SSLContext | None = None
    """Offers STARTTLS with this."""
    on_accept: Callable[[Mail], None] | None = None
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    max_open: int = 0
    hanging: int = 0
    port: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def settings(self, **more: Any) -> SmtpSettings:
        """Settings that point to this server."""
        values = {
            "host": "127.0.0.1",
            "port": self.port,
            "tls": "none",
            "sender": "costs@example.org",
            "rate_per_minute": 0,
            **more,
        }
        return SmtpSettings(**values)

    def environment(self) -> dict[str, str]:
        """Settings that point to this server, as environment variables."""
        return {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.port),
            "SMTP_TLS": "none",
            "SENDER_EMAIL": "costs@example.org",
            "SMTP_RATE_PER_MINUTE": "0",
        }

    @property
    def by_recipient(self) -> Counter[str]:
        """How many mails each address got."""
        return Counter(mail.recipient for mail in self.mails)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_now += 1
        self.max_open = max(self.max_open, self.open_now)
        try:
            await _Session(self, reader, writer, self.connections).run()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_now -= 1
            self._tasks.discard(task)
            writer.close()


class _Session:
    """One connection."""

    def __init__(
        self,
        server: FakeSmtp,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        number: int,
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._number = number
        self._sender = self._recipient = ""
        self._signed_in = server.password is None and server.tokens is None
        self._secure = False
        self._mails = 0

    async def run(self) -> None:
        faults = self._server.faults
        if faults.greeting:
            await self._say(faults.greeting.pop(0))
            return
        await self._say("220 fake ready")
        while line := await self._reader.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            handler = getattr(self, f"_{verb.lower()}", None)
            if verb.upper() == "QUIT":
                await self._say("221 bye")
                return
            if handler is None:
                await self._say("502 not here")
            elif await handler(rest) is False:
                return

    async def _say(self, text: str) -> None:
        if self._server.delay:
            await asyncio.sleep(self._server.delay)
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()

    async def _ehlo(self, rest: str) -> None:
        offers = ["fake"]
        if self._server.tls and not self._secure:
            offers.append("STARTTLS")
        if self._server.password is not None:
            offers.append("AUTH PLAIN LOGIN")
        elif self._server.tokens is not None:
            offers.append("AUTH XOAUTH2")
        lines = [f"250-{offer}" for offer in offers]
        await self._say("\r\n".join([*lines, "250 8BITMIME"]))

    async def _starttls(self, rest: str) -> None:
        await self._say("220 go ahead")
        assert self._server.tls is not None
        await self._writer.start_tls(self._server.tls)
        self._secure = True

    async def _auth(self, rest: str) -> None:
        kind, _, token = rest.partition(" ")
        if kind.upper() == "XOAUTH2":
            await self._xoauth2(base64.b64decode(token).decode())
            return
        if kind.upper() == "LOGIN":
            if not token:
                await self._say("334 VXNlcm5hbWU6")
                await self._reader.readline()
            await self._say("334 UGFzc3dvcmQ6")
            password = base64.b64decode(await self._reader.readline()).decode()
        else:
            password = base64.b64decode(token).decode().split("\0")[2]
        self._signed_in = password == self._server.password
        await self._say("235 ok" if self._signed_in else "535 5.7.3 Authentication unsuccessful")

    async def _xoauth2(self, initial_response: str) -> None:
        user, bearer, *_ = initial_response.split("\x01")
        self._signed_in = (
            user.startswith("user=") and bearer.removeprefix("auth=Bearer ") in self._valid_tokens
        )
        if not self._signed_in:
            challenge = base64.b64encode(b'{"status":"401","schemes":"bearer"}').decode()
            await self._say(f"334 {challenge}")
            await self._reader.readline()
        await self._say("235 ok" if self._signed_in else "535 5.7.3 Authentication unsuccessful")

    @property
    def _valid_tokens(self) -> set[str]:
        return self._server.tokens or set()

    async def _mail(self, rest: str) -> bool | None:
        faults = self._server.faults
        if not self._signed_in:
            await self._say("530 5.7.57 Client not authenticated")
            return None
        if (
            faults.max_mails_per_connection is not None
            and self._mails >= faults.max_mails_per_connection
        ):
            await self._say("421 too many mails on this connection")
            return False
        if faults.sender_reply:
            await self._say(faults.sender_reply.pop(0))
            return None
        self._sender = _address(rest)
        await self._say("250 ok")
        return None

    async def _rcpt(self, rest: str) -> bool | None:
        faults, self._recipient = self._server.faults, _address(rest)
        if await self._inject("rcpt"):
            return False
        if self._recipient in faults.refuse:
            await self._say(faults.refuse[self._recipient])
        elif faults.greylist.get(self._recipient, 0) > 0:
            faults.greylist[self._recipient] -= 1
            await self._say("451 4.7.1 Greylisted, try again")
        else:
            await self._say("250 ok")
        return None

    async def _rset(self, rest: str) -> None:
        replies = self._server.faults.reset_reply
        await self._say(replies.pop(0) if replies else "250 ok")

    async def _noop(self, rest: str) -> None:
        await self._say("250 ok")

    async def _data(self, rest: str) -> bool | None:
        faults = self._server.faults
        if await self._inject("data"):
            return False
        if faults.data_reply.get(self._recipient):
            await self._say(faults.data_reply[self._recipient].pop(0))
            return None
        await self._say("354 go on")
        if await self._inject("body"):
            return False
        raw = await self._body()
        if await self._inject("unaccepted"):
            return False
        if faults.final_reply.get(self._recipient):
            await self._say(faults.final_reply[self._recipient].pop(0))
            return None
        mail = Mail(
            self._sender, self._recipient, raw, time.time(), self._number, self._server.port
        )
        self._server.mails.append(mail)
        self._mails += 1
        if self._server.on_accept is not None:
            self._server.on_accept(mail)
        if await self._inject("accepted"):
            return False
        await self._say("250 2.0.0 queued")
        mail.answered = True
        return None

    async def _body(self) -> bytes:
        lines = []
        while (line := await self._reader.readline()) != b".\r\n":
            if not line:
                raise ConnectionError
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    async def _inject(self, place: str) -> bool:
        """Hang or report that the connection is to be closed, if a fault says so."""
        for plan, hang in (
            (self._server.faults.drop_at, False),
            (self._server.faults.hang_at, True),
        ):
            places = plan.get(self._recipient)
            if places and places[0] == place:
                places.pop(0)
                if hang:
                    self._server.hanging += 1
                    await asyncio.sleep(3600)
                return True
        return False


def _address(rest: str) -> str:
    return rest.partition("<")[2].partition(">")[0]


async def _serve(port: int, record: Path, delay: float) -> None:
    def write(mail: Mail) -> None:
        line = {
            "recipient": mail.recipient,
            "message_id": mail.message_id,
            "sha256": mail.sha256,
            "at": mail.at,
        }
        with record.open("a") as file:
            file.write(json.dumps(line) + "\n")

    async with FakeSmtp(port=port, delay=delay, on_accept=write) as server:
        print(f"127.0.0.1:{server.port}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--delay", type=float, default=0.0)
    asyncio.run(_serve(**vars(parser.parse_args())))
