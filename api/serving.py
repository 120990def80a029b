"""The web server: the port that it listens on, and what it logs about malformed HTTP."""

import logging
import os
import socket

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from services.domain.errors import SettingsError
from services.settings import ServerSettings

log = structlog.get_logger()

CLOSE_SECONDS = 5.0
"""How long requests in progress may take once the server is closing."""
SENDER_ERRORS = (HttpProcessingError, web.RequestPayloadError)
"""aiohttp's errors for bytes that are not HTTP, and for bodies that cannot be decompressed."""


class _MalformedRequestFilter(logging.Filter):
    """Turns aiohttp's records about malformed HTTP into one INFO event each.

    aiohttp logs most of them at ERROR with a traceback that quotes the request, although nobody
    but the sender can do anything about it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, SENDER_ERRORS):
            return True
        # "Error handling request from %s"; a body that nobody read is logged without the address.
        peer = str(record.args[0]) if isinstance(record.args, tuple) and record.args else None
        log.info("http_malformed", peer=peer, reason=type(error).__name__)
        return False


_MALFORMED_REQUESTS = _MalformedRequestFilter()


def server_logger() -> logging.Logger:
    """The logger to hand to aiohttp's server."""
    logger = logging.getLogger("api.server")
    logger.addFilter(_MALFORMED_REQUESTS)
    # An invalid method is logged at DEBUG only; the filter has to see it too.
    logger.setLevel(logging.DEBUG)
    return logger


def listen(settings: ServerSettings) -> socket.socket:
    """Open the listening socket. Raises SettingsError when it cannot be opened."""
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}:{port} ({_reason(error)}). Stop the program that uses the "
            "port, or set PORT to a free one."
        ) from error


def _reason(error: OSError) -> str:
    """The system's own words: Python appends the address, which the sentence already names."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


class Site:
    """An application served on an open socket."""

    def __init__(self, app: web.Application, listener: socket.socket) -> None:
        self._runner = web.AppRunner(
            app, access_log=None, logger=server_logger(), shutdown_timeout=CLOSE_SECONDS
        )
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def start(self) -> None:
        """Start accepting connections."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()

    async def stop(self) -> None:
        """Stop accepting connections; open ones stay open."""
        for site in list(self._runner.sites):
            await site.stop()

    async def close(self) -> None:
        """Close the open connections; requests in progress get CLOSE_SECONDS to finish."""
        await self._runner.cleanup()
