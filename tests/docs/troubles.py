"""What ``check`` answers to what goes wrong: the real adapters, each in the trouble it names.

The set-up guide's table is made of these answers, so it says what people will read.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from services.adapters.datadog.bodies import RawResponse
from services.adapters.datadog.errors import explain
from services.adapters.disk import Disk
from services.adapters.entra_tokens import FIXES, EntraSignIn
from services.adapters.secrets import FernetBox
from services.adapters.smtp import SmtpTimeouts, SmtpTransport
from services.adapters.store.client import explained, too_old
from services.domain.errors import AgentError
from services.operations.diagnostics import (
    MIN_FREE_BYTES_EMBEDDED,
    clock_finding,
    disk_finding,
    teams_text,
)
from services.settings import DatadogSettings
from tests.makers import NOW
from tests.servers.entra import FakeEntra
from tests.servers.mongo import free_ports
from tests.servers.smtp import FakeSmtp

QUICK = SmtpTimeouts(connect=5.0, command=5.0, final_reply=5.0)
DATADOG = DatadogSettings(api_key="a", app_key="b")
EXAMPLES = (
    (re.compile(r"Error connecting to [^:]+: "), ""),
    (
        re.compile(r"=/proc/\S+ (cannot be written) \([^)]*\)"),
        r"=/var/lib/agent \1 (Permission denied)",
    ),
    (re.compile(r"127\.0\.0\.1:\d+|localhost:\d+"), "smtp.yourcompany.com:587"),
    (re.compile(r"costs@example\.org"), "costs@yourcompany.com"),
    (re.compile(r"\[Errno 111\] Connect call failed \([^)]*\)"), "connection refused"),
    (re.compile(r"Connect(ion)? (call )?(failed|refused)[^.)]*\)?"), "connection refused"),
)
"""Addresses of this test's servers, as an admin would see theirs."""


@dataclass(frozen=True)
class Trouble:
    """One row of the table."""

    system: str
    answer: str

    @property
    def parts(self) -> tuple[str, str]:
        """What is wrong, and what to do."""
        wrong, _, cure = self.answer.partition(". ")
        return wrong, cure


async def _of(call: Callable[[], Awaitable[Any]]) -> str:
    try:
        await call()
    except AgentError as error:
        return str(error)
    raise AssertionError("nothing went wrong")


def _datadog(status: int, words: str, *, is_key_valid: bool | None) -> str:
    body = json.dumps({"errors": [words]} if words else {}).encode()
    return str(explain(RawResponse(status, {}, bytearray(body)), DATADOG, is_key_valid))


async def _mail() -> list[str]:
    found = []
    async with FakeSmtp(password="right") as smtp:
        wrong = smtp.settings(user="costs@example.org", password="wrong")
        found.append(await _of(SmtpTransport(wrong, QUICK).connect))
        tls = smtp.settings(tls="starttls", host="localhost")
        found.append(await _of(SmtpTransport(tls, QUICK).connect))
        nobody = smtp.settings(port=free_ports(1)[0])
        found.append(await _of(SmtpTransport(nobody, QUICK).connect))
    async with FakeEntra() as entra:
        entra.token_answers = [(401, {"error": "invalid_client"})]
        sign_in = EntraSignIn(lambda: NOW)
        settings = entra.settings(transport="smtp", auth="oauth2", host="127.0.0.1", tls="none")
        tokens = sign_in.for_email(settings)
        found.append(await _of(SmtpTransport(settings, QUICK, tokens=tokens).connect))
        await sign_in.aclose()
    box = FernetBox(SecretStr("another key than before"), Path(), key_file_allowed=False)
    try:
        box.decrypt("")
    except AgentError as error:
        found.append(str(error))
    return found


async def _bot() -> list[str]:
    async with FakeEntra() as entra:
        sign_in = EntraSignIn(lambda: NOW)
        tokens = sign_in.for_bot(entra.bot_settings())
        assert tokens is not None
        refusals = [(401, {"error": "invalid_client", "error_codes": [code]}) for code in FIXES]
        entra.token_answers = [*refusals, (400, {})]
        found = [await _of(tokens.get) for _ in list(entra.token_answers)]
        await sign_in.aclose()
    return [*found, teams_text("…", None)]


async def _troubles() -> list[Trouble]:
    nobody = ServerSelectionTimeoutError("mongo.yourcompany.com:27017: connection refused")
    found = {
        "MongoDB": [
            str(explained(nobody)),
            str(explained(OperationFailure("Authentication failed.", 18))),
            str(too_old("5.0.31")),
        ],
        "Datadog": [
            _datadog(403, "", is_key_valid=False),
            _datadog(403, "", is_key_valid=True),
            _datadog(403, "Failed permission authorization checks", is_key_valid=True),
            _datadog(404, "", is_key_valid=None),
            _datadog(429, "", is_key_valid=None),
            _datadog(503, "", is_key_valid=None),
        ],
        "Email": await _mail(),
        "Teams": await _bot(),
        "Disk": [
            await _of(Disk(Path("/proc/aws-cost-agent")).free),
            disk_finding(MIN_FREE_BYTES_EMBEDDED // 2, embedded=True).text,
        ],
        "Clock": [
            clock_finding({}, timedelta(seconds=150)).text,
            clock_finding({"Datadog": timedelta(seconds=-412)}, timedelta()).text,
        ],
    }
    return [Trouble(system, _example(text)) for system, texts in found.items() for text in texts]


def _example(text: str) -> str:
    for pattern, example in EXAMPLES:
        text = pattern.sub(example, text)
    return text


def troubles() -> list[Trouble]:
    """All of them, in the order of ``check``."""
    return asyncio.run(_troubles())
