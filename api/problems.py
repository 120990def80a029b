"""Errors as RFC 9457 problem+json: the one place where REST turns them into sentences."""

import json
import secrets
import time
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api.callers import CALLER, REQUEST_ID
from api.requests.body import MalformedBodyError
from services.administration import KeysUnavailableError
from services.domain.errors import (
    AgentError,
    ConflictError,
    CostSourceError,
    InvalidError,
    MailError,
    NotFoundError,
    SettingsError,
    StoreUnavailableError,
)
from services.ports import Meter

log = structlog.get_logger()

STATUSES: tuple[tuple[type[AgentError], int, str], ...] = (
    (MalformedBodyError, 400, "Bad request"),
    (NotFoundError, 404, "Not found"),
    (InvalidError, 422, "Invalid input"),
    (ConflictError, 409, "Conflict"),
    (SettingsError, 409, "A setting is missing or wrong"),
    (StoreUnavailableError, 503, "MongoDB is not responding"),
    (KeysUnavailableError, 503, "Entra ID is not responding"),
    (CostSourceError, 502, "The cost source returned no usable data"),
    (MailError, 502, "The mail server does not accept email"),
)
RETRY_AFTER = ("Retry-After", "10")
UNAVAILABLE = 503
SERVER_ERROR = 500
INTERNAL_ERROR = "Internal error"
FIRST_ERROR_STATUS = 400
MAX_LISTED_FIELDS = 50
"""Invalid fields that one response lists."""
PROBLEM_TYPE = "application/problem+json"
HTTP_DETAILS = {
    404: "There is nothing at this address. GET /api/docs shows all endpoints.",
    405: "This address does not support the method; the Allow header lists those it supports.",
    408: "The body did not arrive in time. Send it again.",
    413: "The body is too large.",
}
SAFE_HEADERS = (
    ("Server", "aws-cost-agent"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
MESSAGES = "/api/messages"
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
"""Others are counted as one, so that nobody can create metrics at will."""


class RefusedError(Exception):
    """The guard refuses the request; ``headers`` go into the response."""

    def __init__(self, status: int, title: str, detail: str, *headers: tuple[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = headers


def problem(status: int, title: str, detail: str, request_id: str, **more: Any) -> web.Response:
    """A response of type application/problem+json."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **more,
    }
    return web.Response(status=status, text=json.dumps(body), content_type=PROBLEM_TYPE)


def responding(meter: Meter, *, sample: bool) -> Middleware:
    """The outermost middleware: errors become problem+json, and every response is logged and
    counted and gets a request ID and safe headers.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = request[REQUEST_ID] = secrets.token_hex(8)
        started = time.perf_counter()
        response = await _respond(request, handler, request_id)
        response.headers["X-Request-Id"] = request_id
        for name, value in SAFE_HEADERS:
            response.headers.setdefault(name, value)
        if sample:
            response.headers["X-Sample-Data"] = "SAMPLE DATA"
        _record(request, response.status, time.perf_counter() - started, meter)
        return response

    return middleware


async def _respond(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < FIRST_ERROR_STATUS:
            raise
        return _from_http_error(error, request_id)
    except RefusedError as error:
        response = problem(error.status, error.title, str(error), request_id)
        for name, value in error.headers:
            response.headers.add(name, value)
        return response
    except AgentError as error:
        return _from_agent_error(error, request_id)
    except Exception:
        # The guard around every handler: a defect is logged and never shown to the client.
        log.exception("request_failed", path=request.path, request_id=request_id)
        detail = f"Something went wrong (ref {request_id}). Details are in the log."
        return problem(SERVER_ERROR, INTERNAL_ERROR, detail, request_id)


def _from_http_error(error: web.HTTPException, request_id: str) -> web.Response:
    detail = HTTP_DETAILS.get(error.status, f"{error.reason}.")
    response = problem(error.status, HTTPStatus(error.status).phrase, detail, request_id)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _from_agent_error(error: AgentError, request_id: str) -> web.Response:
    status, title = next(
        ((status, title) for kind, status, title in STATUSES if isinstance(error, kind)),
        (SERVER_ERROR, INTERNAL_ERROR),
    )
    if status == SERVER_ERROR:
        log.error("request_failed", error=str(error), request_id=request_id)
    more: dict[str, Any] = {}
    if isinstance(error, InvalidError) and error.errors:
        more["errors"] = [
            {"field": field[:100], "reason": reason}
            for field, reason in error.errors[:MAX_LISTED_FIELDS]
        ]
    response = problem(status, title, str(error), request_id, **more)
    if status == UNAVAILABLE:
        response.headers.extend([RETRY_AFTER])
    return response


def _record(request: web.Request, status: int, seconds: float, meter: Meter) -> None:
    """Count the request and log it, reads at DEBUG. Never the query: it may contain names.

    What comes through Teams is logged by the Teams interface.
    """
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "none"
    method = request.method if request.method in METHODS else "other"
    meter.answered(method, route, status, seconds)
    is_quiet = method in {"GET", "HEAD", "OPTIONS"} or route == MESSAGES
    write_log = log.debug if is_quiet else log.info
    caller = request.get(CALLER)
    write_log(
        "rest_request",
        method=method,
        path=request.path[:200],
        status=status,
        ms=round(seconds * 1000),
        caller=caller.name if caller else None,
        request_id=request[REQUEST_ID],
    )
