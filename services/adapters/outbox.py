"""The local outbox: one file for each email, written completely or not at all."""

import asyncio
import hashlib
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from operator import attrgetter
from pathlib import Path
from typing import cast

from services.domain.errors import MailConnectError, NotFoundError

SAFE_NAME = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A captured email in a list."""

    id: str
    subject: str
    recipient: str
    date: datetime | None
    size: int


@dataclass(frozen=True, slots=True)
class OutboxMail:
    """A captured email with its content."""

    entry: OutboxEntry
    headers: tuple[tuple[str, str], ...]
    html: str
    text: str
    attachments: tuple[tuple[str, int], ...]
    """(name, bytes)"""


class OutboxTransport:
    """Implements ``services.ports.MailTransport`` and ``CapturedMails``; lists what was captured."""

    name = "outbox"
    lanes = 4
    per_minute = 0
    reply_timeout_seconds = 30.0

    def __init__(self, folder: Path, sender: str = "aws-cost-agent@localhost") -> None:
        self._folder = folder
        self.sender = sender

    async def connect(self) -> "OutboxConnection":
        """Create the folder; MailConnectError when that fails."""
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _not_writable(self._folder, error) from error
        return OutboxConnection(self._folder)

    async def list_messages(self, limit: int = 500) -> list[OutboxEntry]:
        """Newest first; emails of the same second by subject."""
        return await asyncio.to_thread(self._list, limit)

    def _list(self, limit: int) -> list[OutboxEntry]:
        names = (path for path in self._folder.glob("*.eml") if SAFE_NAME.fullmatch(path.stem))
        newest = sorted(names, key=lambda path: path.name, reverse=True)[:limit]
        entries = [_entry(path, _parsed(path)) for path in newest]
        by_subject = sorted(entries, key=attrgetter("subject"))
        return sorted(by_subject, key=lambda entry: entry.id.partition("-")[0], reverse=True)

    async def count_to(self, addresses: Sequence[str]) -> int:
        """Count the captured emails to these addresses."""
        return len(await asyncio.to_thread(self._paths_to, addresses))

    async def remove_to(self, addresses: Sequence[str]) -> int:
        """Remove the captured emails to these addresses and return how many."""
        return await asyncio.to_thread(self._remove_to, addresses)

    def _remove_to(self, addresses: Sequence[str]) -> int:
        paths = self._paths_to(addresses)
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)

    def _paths_to(self, addresses: Sequence[str]) -> list[Path]:
        folded = {address.casefold() for address in addresses}
        paths = [path for path in self._folder.glob("*.eml") if SAFE_NAME.fullmatch(path.stem)]
        return [
            path for path in paths if _entry(path, _parsed(path)).recipient.casefold() in folded
        ]

    async def read_message(self, mail_id: str) -> OutboxMail:
        """Read an email; NotFoundError for an unknown ID."""
        path = self._folder / f"{mail_id}.eml"
        if not SAFE_NAME.fullmatch(mail_id) or not await asyncio.to_thread(path.is_file):
            raise NotFoundError("There is no such email in the outbox. Open the list again.")
        return await asyncio.to_thread(_read, path)


class OutboxConnection:
    """Implements ``services.ports.MailConnection``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def offer(self, sender: str, recipient: str) -> None:
        """Accepts every recipient."""

    async def hand_over(self, raw: bytes) -> str:
        """Write the email; handed over twice, it is still one file."""
        try:
            path = await asyncio.to_thread(self._write, raw)
        except OSError as error:
            raise _not_writable(self._folder, error) from error
        return f"written to {path.name}"

    def _write(self, raw: bytes) -> Path:
        message = message_from_bytes(raw, policy=default)
        key = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:20]
        stamp = parsedate_to_datetime(str(message["Date"])).strftime("%Y%m%dT%H%M%S")
        path = self._folder / f"{stamp}-{key}.eml"
        unfinished = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            # Renamed when it is complete: a reader never sees half an email.
            unfinished.replace(path)
            _sync(self._folder)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)
            raise
        return path

    async def aclose(self) -> None:
        """Does nothing: no connection is open."""


def _sync(folder: Path) -> None:
    """Write the folder to disk: until then a crash may lose the file's new name (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _not_writable(folder: Path, error: OSError) -> MailConnectError:
    return MailConnectError(
        f"The agent cannot write to the outbox {folder} ({error.strerror}). Free some space or "
        "make the folder writable, or set DATA_DIR to another folder.",
        permanent=False,
    )


def _parsed(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), policy=default)


def _entry(path: Path, message: EmailMessage) -> OutboxEntry:
    try:
        date = parsedate_to_datetime(str(message["Date"]))
    except (TypeError, ValueError):
        date = None
    return OutboxEntry(
        id=path.stem,
        subject=str(message["Subject"] or ""),
        recipient=str(message["To"] or ""),
        date=date,
        size=path.stat().st_size,
    )


def _read(path: Path) -> OutboxMail:
    message = _parsed(path)
    return OutboxMail(
        entry=_entry(path, message),
        headers=tuple((name, str(value)) for name, value in message.items()),
        html=_body(message, "html"),
        text=_body(message, "plain"),
        attachments=tuple(
            (
                part.get_filename() or "file",
                len(cast("bytes", part.get_payload(decode=True) or b"")),
            )
            for part in message.iter_attachments()
        ),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
