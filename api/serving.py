"""The web server: its port, its connections, and what it logs about malformed HTTP."""

import asyncio
import logging
import os
import socket

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError

from api.connections import ACCEPTED_AT_ONCE, QUEUE, ConnectionLimits
from services.domain.errors import SettingsError
from services.settings import ServerSettings

log = structlog.get_logger()

UNPACK_REQUESTS = False
"""By default aiohttp decompresses a body as it arrives, before anything can refuse it."""
CLOSE_SECONDS = 5.0
"""How long requests in progress may take once the server is closing."""
SENDER_ERRORS = (HttpProcessingError, web.RequestPayloadError)
"""aiohttp's errors for bytes that are not HTTP, and for bodies that are truncated."""


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
    """The operating system's message: Python appends the address, which our sentence already
    names.
    """
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


class Site:
    """An application served on an open socket."""

    def __init__(
        self,
        app: web.Application,
        listener: socket.socket,
        limits: ConnectionLimits | None = None,
    ) -> None:
        """``limits``: None for the limits of production."""
        self._limits = limits or ConnectionLimits()
        app.middlewares.insert(0, self._limits.middleware)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=server_logger(),
            shutdown_timeout=CLOSE_SECONDS,
            auto_decompress=UNPACK_REQUESTS,
        )
        self._listener = listener
        self._server: asyncio.Server | None = None
        host, port = listener.getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def start(self) -> None:
        """Start accepting connections."""
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise AssertionError("a runner that is set up has a server")
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._limits.handle_loop_error)
        # Not aiohttp's SockSite: it takes no protocol factory but the server's own.
        self._server = await loop.create_server(
            self._limits.limited(server), sock=self._listener, backlog=ACCEPTED_AT_ONCE
        )
        # asyncio takes one number for both, how long the queue is and how many it accepts at once.
        self._listener.listen(QUEUE)

    async def stop(self) -> None:
        """Stop accepting connections; open ones stay open."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Close the open connections; requests in progress get CLOSE_SECONDS to finish."""
        await self.stop()
        await self._runner.cleanup()
