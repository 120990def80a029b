"""Logging: one chain of processors for our own and libraries' entries, which masks secrets last.

Masking comes after exceptions are formatted, so that tracebacks are masked too.
"""

import base64
import json
import logging
import re
import sys
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import quote, quote_plus

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from services.settings import Settings

MASK = "***"
SECRET_NAMES = re.compile(r"(?i)pass(word|wd)?$|secret|token$|api_?key|app_?key|authorization")
NAMED = r"client_secret|password|passwd|pwd|secret|sig|api_?key|app_?key|\w*_token|assertion"
SECRET_PATTERNS = (
    re.compile(r"(\bcst_[a-z0-9]{8}_)[\w-]{20,}"),
    re.compile(rf"(?i)(\b(?:{NAMED})=)[^&\s\"']+"),
    re.compile(rf"(?i)([\"'](?:{NAMED})[\"']\s*:\s*[\"'])(?:\\.|[^\"'\\])+"),
    re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+"),
    re.compile(r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    # Bounded: in text such as a.a.a.a… a scheme of any length would be tried at each letter.
    re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/@]*:)[^\s@/]+(?=@)"),
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
)
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
CONTROLS |= {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): " ", 0x2028: "\\n", 0x2029: "\\n"}
# Invisible and bidirectional characters: they make text read differently from what it says
# ("Trojan Source", CVE-2021-42574).
INVISIBLE = (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
CONTROLS |= {code: f"\\u{code:04x}" for code in INVISIBLE}
MIN_SECRET_LENGTH = 4
"""Masking a shorter value would mask parts of ordinary words."""
NOISY_LOGGERS = ("aiohttp", "apscheduler", "asyncio", "httpcore", "httpx", "pymongo")


class Masking:
    """A processor that masks secrets by field name, by value and by pattern."""

    def __init__(self, secrets: Sequence[str], *, keep_lines: bool) -> None:
        known = {form for s in secrets if len(s) >= MIN_SECRET_LENGTH for form in _forms(s)}
        # A secret may be part of another one, whose rest would otherwise remain.
        longest_first = sorted(known, key=len)[::-1]
        self._values = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._keep_lines = keep_lines

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """The event with its text masked and control characters escaped."""
        return {
            key: MASK
            if SECRET_NAMES.search(key)
            else self._clean(value, keep_lines=self._keep_lines and key == "exception")
            for key, value in event.items()
        }

    def _clean(self, value: Any, *, keep_lines: bool) -> Any:
        if isinstance(value, bool | int | float) or value is None:
            return value
        if isinstance(value, dict):
            return {
                k: MASK if SECRET_NAMES.search(str(k)) else self._clean(v, keep_lines=False)
                for k, v in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._clean(item, keep_lines=False) for item in value]
        return self.mask(str(value), keep_lines=keep_lines)

    def mask(self, text: str, *, keep_lines: bool = False) -> str:
        """The text without secrets and control characters."""
        text = self._values.sub(MASK, text)
        for pattern in SECRET_PATTERNS:
            text = pattern.sub(rf"\g<1>{MASK}", text)
        if not keep_lines:
            return text.translate(CONTROLS)
        # Indented, so that no line of a traceback can be mistaken for a log entry.
        return "\n".join(f"  {line.translate(CONTROLS)}" for line in text.split("\n"))


def _forms(secret: str) -> set[str]:
    """How a secret may appear in text: plain, URL-encoded, in JSON, as a Python repr, in base64."""
    encoded = base64.b64encode(secret.encode("utf-8", "surrogatepass")).decode("ascii")
    return {
        secret,
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        encoded.rstrip("="),
    }


def configure_logging(
    level: str, style: Literal["console", "json"], secrets: Sequence[str]
) -> None:
    """Configure logging for the process, to standard error; ``secrets`` are masked."""
    masking = Masking(secrets, keep_lines=style == "console")
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The default formatter prints local variables, and with them secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                masking,
                last,
            ],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def log_as_set(settings: Settings, *, beside_progress: bool = False) -> None:
    """Log as configured; beside a progress bar only errors, unless the level is DEBUG."""
    server = settings.server
    is_quiet = beside_progress and server.log_level != "DEBUG"
    level = "ERROR" if is_quiet else server.log_level
    configure_logging(level, server.log_format, settings.secrets())
