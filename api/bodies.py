"""Request bodies and query parameters."""

import json
from typing import Any

from aiohttp import web

from api.problems import BadJsonError
from services.errors import InvalidError

TRUE = {"1", "true", "yes"}
FALSE = {"0", "false", "no", ""}
MOST_ROWS = 1000


async def json_body(request: web.Request) -> Any:
    """The JSON of the body; 400 when it is none, 415 when it is declared as something else."""
    if request.content_type not in {"application/json", "application/octet-stream"}:
        raise web.HTTPUnsupportedMediaType(reason="Send application/json")
    try:
        return json.loads(await request.read(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadJsonError("The body is no JSON.") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


async def json_object(request: web.Request) -> dict[str, Any]:
    """The JSON object of the body."""
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidError("The body must be a JSON object.", [("body", "must be an object")])
    return body


def known_query(request: web.Request, *names: str) -> None:
    """Refuses unknown query parameters by name."""
    unknown = sorted(set(request.query) - set(names))
    if unknown:
        raise InvalidError(
            "Unknown query parameters.", [(name[:80], "is not known") for name in unknown]
        )


def flag(request: web.Request, name: str) -> bool:
    """A query parameter that is true or false."""
    value = request.query.get(name, "").lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise InvalidError(f"{name} must be true or false.", [(name, "must be true or false")])


def limit(request: web.Request, default: int = 100) -> int:
    """The query parameter ``limit``."""
    text = request.query.get("limit")
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= MOST_ROWS:
        raise InvalidError("limit is wrong.", [("limit", f"must be from 1 to {MOST_ROWS}")])
    return int(text)
