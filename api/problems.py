"""Errors as RFC 9457 problem+json: the one place where the REST door puts them into words."""

import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from services.errors import (
    AgentError,
    ConflictError,
    CostSourceError,
    InvalidError,
    MailError,
    NotFoundError,
    SettingsError,
    StoreUnavailableError,
)

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATUSES: tuple[tuple[type[AgentError], int, str], ...] = (
    (NotFoundError, 404, "Not found"),
    (InvalidError, 422, "Invalid input"),
    (ConflictError, 409, "Conflict"),
    (SettingsError, 409, "A setting is missing or wrong"),
    (StoreUnavailableError, 503, "MongoDB does not answer"),
    (CostSourceError, 502, "The cost source gave no usable answer"),
    (MailError, 502, "The mail server does not take mail"),
)
RETRY_AFTER = {"Retry-After": "10"}
SERVER_ERROR = 500


class BadJsonError(AgentError):
    """The body is no JSON of the expected kind; answered with 400."""


def problem(status: int, title: str, detail: str, request_id: str, **more: Any) -> web.Response:
    """An answer of type application/problem+json."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **more,
    }
    return web.Response(
        status=status, text=json.dumps(body), content_type="application/problem+json"
    )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every error into problem+json and gives every answer a request id."""
    request_id = secrets.token_hex(8)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - redirects are answers
            raise
        response = _of_http(error, request_id)
    except AgentError as error:
        response = _of_agent(error, request_id)
    except Exception:
        log.exception("request_failed", path=request.path, request_id=request_id)
        response = problem(
            SERVER_ERROR, "Internal error", f"Look for {request_id} in the log.", request_id
        )
    response.headers["X-Request-Id"] = request_id
    return response


def _of_http(error: web.HTTPException, request_id: str) -> web.Response:
    response = problem(error.status, error.reason, error.reason, request_id)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _of_agent(error: AgentError, request_id: str) -> web.Response:
    if isinstance(error, BadJsonError):
        return problem(400, "Bad request", str(error), request_id)
    status, title = next(
        ((status, title) for kind, status, title in STATUSES if isinstance(error, kind)),
        (SERVER_ERROR, "Internal error"),
    )
    more: dict[str, Any] = {}
    if isinstance(error, InvalidError) and error.errors:
        more["errors"] = [{"field": field, "reason": reason} for field, reason in error.errors]
    response = problem(status, title, str(error), request_id, **more)
    if isinstance(error, StoreUnavailableError):
        response.headers.update(RETRY_AFTER)
    return response
