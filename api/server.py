"""The server below the routes: what is no HTTP is answered in our words and leaves one calm line.

aiohttp would answer such requests itself, in plain text with bytes of the request, and log each
with a traceback at ERROR, although nobody but the sender can do anything about it.
"""

import secrets
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_request import BaseRequest

from api.problems import SERVER_ERROR, internal_error, problem, with_safe_headers

log = structlog.get_logger()

BAD_REQUEST = 400
MALFORMED = (
    "The request is no valid HTTP/1.1. Look at its request line, its headers (one Host; not "
    "Content-Length and Transfer-Encoding at once) and how its body is packed. This port speaks "
    "no TLS."
)
TOO_LONG = "The request line or a header is too long; the most is 8190 bytes."
EXPECTATION = "The header Expect may only say 100-continue."
FAULTS = (HttpProcessingError, web.RequestPayloadError)
"""Those of whoever sent the request."""


class Connection(web.RequestHandler):
    """One connection; only what happens outside of the routes is different from aiohttp's."""

    def log_exception(self, *args: Any, **more: Any) -> None:
        """Not what the other side did wrong, such as a body that is no gzip and nobody read."""
        error = more.get("exc_info")
        if isinstance(error, FAULTS):
            log.info("http_malformed", peer=self._peer_address(), reason=type(error).__name__)
        else:
            super().log_exception(*args, **more)

    def handle_error(
        self,
        request: BaseRequest,
        status: int = SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """An answer to what never reached a route; the connection is closed after it."""
        request_id = secrets.token_hex(8)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        if isinstance(exc, FAULTS) or status == BAD_REQUEST:
            reason = type(exc).__name__
            log.info(
                "http_malformed", peer=self._peer_address(), reason=reason, request_id=request_id
            )
            detail = TOO_LONG if isinstance(exc, LineTooLong) else MALFORMED
            answer = problem(BAD_REQUEST, "Bad request", detail, request_id)
        else:
            log.error("request_failed", request_id=request_id, exc_info=exc)
            answer = internal_error(request_id)
        answer.force_close()
        return with_safe_headers(answer, request_id)

    async def finish_response(
        self, request: BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """What aiohttp answers before a route is asked becomes a problem too."""
        if isinstance(resp, web.HTTPExpectationFailed):
            request_id = secrets.token_hex(8)
            resp = with_safe_headers(
                problem(BAD_REQUEST, "Bad request", EXPECTATION, request_id), request_id
            )
        return await super().finish_response(request, resp, start_time)

    def _peer_address(self) -> str:
        peer = self.transport.get_extra_info("peername") if self.transport else None
        return str(peer[0]) if peer else ""


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Serves an application over such connections."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **self._kwargs)
