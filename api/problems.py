"""Errors as RFC 9457 problem+json: the one place where the REST door puts them into words."""

import json
import secrets
import time
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api.bodies import BadBodyError
from api.callers import CALLER, REQUEST_ID
from services.administration.access_tokens import KeysUnavailableError
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
    (BadBodyError, 400, "Bad request"),
    (NotFoundError, 404, "Not found"),
    (InvalidError, 422, "Invalid input"),
    (ConflictError, 409, "Conflict"),
    (SettingsError, 409, "A setting is missing or wrong"),
    (StoreUnavailableError, 503, "MongoDB does not answer"),
    (KeysUnavailableError, 503, "Entra ID does not answer"),
    (CostSourceError, 502, "The cost source gave no usable answer"),
    (MailError, 502, "The mail server does not take mail"),
)
RETRY_AFTER = ("Retry-After", "10")
UNAVAILABLE = 503
SERVER_ERROR = 500
INTERNAL = "Internal error"
FIRST_ERROR = 400
MOST_FIELDS = 50
"""Wrong fields that one answer names."""
PROBLEM_TYPE = "application/problem+json"
HTTP_DETAILS = {
    404: "There is nothing at this address. GET /api/docs lists what there is.",
    405: "This address does not know this method; the header Allow has those it knows.",
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


class RefusedError(Exception):
    """The guard lets a request not pass."""

    def __init__(self, status: int, title: str, detail: str, *headers: tuple[str, str]) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.headers = headers


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
    return web.Response(status=status, text=json.dumps(body), content_type=PROBLEM_TYPE)


def answering(meter: Meter, *, sample: bool) -> Middleware:
    """The outermost middleware: errors become problem+json; every answer is counted, gets a
    request id and headers that keep browsers from guessing.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = request[REQUEST_ID] = secrets.token_hex(8)
        began = time.perf_counter()
        response = await _answered(request, handler, request_id)
        response.headers["X-Request-Id"] = request_id
        for name, value in SAFE_HEADERS:
            response.headers.setdefault(name, value)
        if sample:
            response.headers["X-Sample-Data"] = "SAMPLE DATA"
        _note(request, response.status, time.perf_counter() - began, meter)
        return response

    return middleware


async def _answered(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < FIRST_ERROR:
            raise
        return _of_http(error, request_id)
    except RefusedError as error:
        response = problem(error.status, error.title, str(error), request_id)
        for name, value in error.headers:
            response.headers.add(name, value)
        return response
    except AgentError as error:
        return _of_agent(error, request_id)
    except Exception:
        log.exception("request_failed", path=request.path, request_id=request_id)
        detail = f"Something went wrong. Look for {request_id} in the log."
        return problem(SERVER_ERROR, INTERNAL, detail, request_id)


def _of_http(error: web.HTTPException, request_id: str) -> web.Response:
    """The problem that an error of aiohttp's is."""
    detail = HTTP_DETAILS.get(error.status, f"{error.reason}.")
    response = problem(error.status, HTTPStatus(error.status).phrase, detail, request_id)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _of_agent(error: AgentError, request_id: str) -> web.Response:
    status, title = next(
        ((status, title) for kind, status, title in STATUSES if isinstance(error, kind)),
        (SERVER_ERROR, INTERNAL),
    )
    if status == SERVER_ERROR:
        log.error("request_failed", error=str(error), request_id=request_id)
    more: dict[str, Any] = {}
    if isinstance(error, InvalidError) and error.errors:
        more["errors"] = [
            {"field": field[:100], "reason": reason}
            for field, reason in error.errors[:MOST_FIELDS]
        ]
    response = problem(status, title, str(error), request_id, **more)
    if status == UNAVAILABLE:
        response.headers.extend([RETRY_AFTER])
    return response


def _note(request: web.Request, status: int, seconds: float, meter: Meter) -> None:
    """One line of the log for each change, and for each reading at DEBUG; never a query.

    What comes through Teams is logged there.
    """
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "none"
    method = request.method if request.method in METHODS else "other"
    meter.answered(method, route, status, seconds)
    quiet = method in {"GET", "HEAD", "OPTIONS"} or route == MESSAGES
    say = log.debug if quiet else log.info
    caller = request.get(CALLER)
    say(
        "rest_request",
        method=method,
        path=request.path[:200],
        status=status,
        ms=round(seconds * 1000),
        caller=caller.name if caller else None,
        request_id=request[REQUEST_ID],
    )
