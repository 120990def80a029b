"""Limits on connections, so that idle ones never keep anybody else out.

aiohttp waits an hour for the first request of a connection. Without limits, a thousand idle ones
use up the file descriptors of the process, which then accepts nobody, and asyncio logs a traceback
for each attempt. A wrapper around the protocol of each connection counts them, closes those that
do not complete a request's headers in time, and at the limit makes room by closing the one that
has been idle the longest.
"""

import asyncio
import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

log = structlog.get_logger()

MAX_CONNECTIONS = 500
MAX_BY_PEER = 400
"""A reverse proxy is one peer and needs as many as it forwards requests at a time. Both limits are
higher than what asyncio accepts before it reads what the first of them has sent: three times
``ACCEPTED_AT_ONCE``. Otherwise a flood could displace a connection before its request is seen.
"""
ACCEPTED_AT_ONCE = 128
QUEUE = 1024
"""Connections that the system keeps until they are accepted; beyond, clients try again a second later."""
HEADERS_SECONDS = 20.0
LOG_SECONDS = 60.0
IPV6_PREFIX = 64
"""Whoever has one address of such a network has all of them, so they count together."""
OUT_OF_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""asyncio stops accepting for a second after one of these."""
Create = Callable[[], asyncio.Protocol]


def max_connections(files: int) -> int:
    """At most half of the files that the process may open; MongoDB and others need some too."""
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, files // 2)


class ConnectionLimits:
    """The open connections of a server, those that have been idle the longest first."""

    def __init__(
        self,
        most: int | None = None,
        most_by_peer: int = MAX_BY_PEER,
        headers_seconds: float = HEADERS_SECONDS,
    ) -> None:
        """``most``: None for as many as the process can afford."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = max_connections(files) if most is None else most
        self._most_by_peer = most_by_peer
        self.headers_seconds = headers_seconds
        self._open: dict[asyncio.BaseTransport, LimitedConnection] = {}
        self._journal = Journal()

    def limited(self, create: Create) -> Create:
        """The protocol factory with these limits."""
        return lambda: LimitedConnection(self, create)

    def admit(self, connection: "LimitedConnection") -> bool:
        """Count a new connection, and make room for it; False when every other one is in use."""
        of_peer = [other for other in self._open.values() if other.peer == connection.peer]
        if len(of_peer) >= self._most_by_peer:
            rivals = of_peer
        elif len(self._open) >= self._most:
            rivals = list(self._open.values())
        else:
            rivals = None
        if rivals is not None:
            idle = next((other for other in rivals if not other.is_in_use), None)
            if idle is None:
                self._journal.note("refused", len(self._open))
                return False
            self._journal.note("displaced", len(self._open))
            self._close(idle)
        self._open[connection.transport] = connection
        return True

    def forget(self, connection: "LimitedConnection") -> None:
        """Stop counting a connection."""
        self._open.pop(connection.transport, None)

    def expire(self, connection: "LimitedConnection") -> None:
        """Close a connection whose headers did not arrive in time."""
        self._journal.note("late", len(self._open))
        self._close(connection)

    def _close(self, connection: "LimitedConnection") -> None:
        self.forget(connection)
        connection.transport.abort()

    @property
    def middleware(self) -> Middleware:
        """The middleware that marks a connection as in use, from a request's headers to its
        response.
        """

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            with self._in_use(request.transport):
                return await handler(request)

        return middleware

    @contextmanager
    def _in_use(self, transport: asyncio.BaseTransport | None) -> Iterator[None]:
        connection = self._open.get(transport) if transport is not None else None
        if connection is None:
            yield
            return
        connection.begin_request()
        try:
            yield
        finally:
            connection.is_in_use = False
            if self._open.pop(connection.transport, None) is not None:
                self._open[connection.transport] = connection

    def handle_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an error that asyncio reports: a lack of file descriptors once a minute, others
        as usual.
        """
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in OUT_OF_FILES and "socket" in context:
            self._journal.note("not_accepted", len(self._open))
            return
        loop.default_exception_handler(context)


class LimitedConnection(asyncio.Protocol):
    """Passes everything on to the server's own protocol."""

    transport: asyncio.Transport

    def __init__(self, limits: ConnectionLimits, create: Create) -> None:
        self._limits = limits
        self._create = create
        self._protocol: asyncio.Protocol | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self.peer = ""
        self.is_in_use = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.peer = network_of(transport.get_extra_info("peername"))
        if not self._limits.admit(self):
            self.transport.abort()
            return
        self._protocol = self._create()
        self._await_headers()
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._protocol is None:
            return
        if not self.is_in_use and self._deadline is None:
            self._await_headers()
        self._protocol.data_received(data)

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received() if self._protocol is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._limits.forget(self)
        if self._protocol is not None:
            self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()

    def begin_request(self) -> None:
        """Note that a request's headers are complete."""
        self.is_in_use = True
        self._stop_waiting()

    def _await_headers(self) -> None:
        loop = asyncio.get_running_loop()
        seconds = self._limits.headers_seconds
        self._deadline = loop.call_later(seconds, self._limits.expire, self)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Journal:
    """Counts what happens to connections, and logs it at most once a minute."""

    def __init__(self, seconds: float = LOG_SECONDS) -> None:
        self._seconds = seconds
        self._counts = dict.fromkeys(("displaced", "refused", "late", "not_accepted"), 0)
        self._timer: asyncio.TimerHandle | None = None

    def note(self, event: str, number_open: int) -> None:
        """Count an event; the first of a minute is logged at once, the others at its end."""
        self._counts[event] += 1
        if self._timer is None:
            self._write(number_open)

    def _write(self, number_open: int) -> None:
        self._timer = None
        if not any(self._counts.values()):
            return
        log.warning("connections_limited", open=number_open, **self._counts)
        self._counts = dict.fromkeys(self._counts, 0)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds, self._write, number_open)


def network_of(peer: Any) -> str:
    """The address of a peer, for IPv6 that of its network; empty for a socket without one."""
    address = str(peer[0]) if peer else ""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(int(ip) >> (128 - IPV6_PREFIX))
    return str(ip)
