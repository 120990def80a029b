"""Datadog's error answers in words: what is wrong and which setting cures it."""

import json
import math
from typing import Any

import httpx

from services.adapters.datadog_wire import error_texts
from services.errors import CostSourceError
from services.settings import DatadogSettings
from services.wording import plural

SCOPES = "timeseries_query and cloud_cost_management_read"
TOO_LARGE_WORDS = ("too large", "too many", "too big", "limit of groups", "exceeds the maximum")
PERMANENT = {400, 401, 403, 404, 405, 413, 415, 422}


def explain(
    response: httpx.Response, settings: DatadogSettings, key_works: bool | None
) -> CostSourceError:
    """An answer other than 200 as an error; ``key_works``: the API key alone was accepted."""
    status = response.status_code
    words = "; ".join(_words(response))
    said = f' Datadog says: "{words}".' if words else ""
    return CostSourceError(
        f"{_sentence(status, words, response, settings, key_works)}{said}",
        permanent=status in PERMANENT or 300 <= status < 400,  # noqa: PLR2004 - redirects
    )


def _sentence(
    status: int,
    words: str,
    response: httpx.Response,
    settings: DatadogSettings,
    key_works: bool | None,
) -> str:
    if status in {401, 403}:
        return _refused(status, words, response, settings, key_works)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return (
            "Datadog's rate limit, which your whole organisation shares, is reached (429). "
            f"Try again {_when(response)}."
        )
    if status == httpx.codes.NOT_FOUND:
        return (
            f"Datadog has no cost queries at {settings.base_url} (404). "
            "Check DATADOG_SITE and DATADOG_API_URL."
        )
    if status in PERMANENT:
        return f"Datadog refused the query ({status}). Check DATADOG_COST_METRIC."
    if status < 400:  # noqa: PLR2004 - redirects
        return (
            f"{settings.base_url} sends elsewhere ({status}). Check DATADOG_SITE and "
            "DATADOG_API_URL."
        )
    return f"Datadog is in trouble ({status}). Try again later."


def _when(response: httpx.Response) -> str:
    """``in 60 minutes``, when the limit is told to be reset."""
    try:
        minutes = math.ceil(float(response.headers.get("X-RateLimit-Reset", "")) / 60)
    except (ValueError, OverflowError):
        return "later"
    return f"in {plural(minutes, 'minute')}" if minutes > 0 else "later"


def _refused(
    status: int,
    words: str,
    response: httpx.Response,
    settings: DatadogSettings,
    key_works: bool | None,
) -> str:
    if "permission" in words.lower():
        return (
            f"Datadog's application key lacks a scope ({status}). Give the key of DATADOG_APP_KEY "
            f"the scopes {SCOPES}."
        )
    if not words and "html" in response.headers.get("content-type", "").lower():
        return (
            f"The request was blocked before it reached Datadog ({status}, a web page). Ask your "
            f"network team to allow {settings.base_url}, and check DATADOG_SITE."
        )
    if key_works is True:
        return (
            f"Datadog refused the application key ({status}). Check DATADOG_APP_KEY and that it "
            f"has the scopes {SCOPES}."
        )
    if key_works is False:
        return (
            f"Datadog refused the API key ({status}). Check DATADOG_API_KEY, and that your "
            f"organisation is at DATADOG_SITE={settings.site}: keys of one site do not work at "
            "another."
        )
    return (
        f"Datadog refused the keys ({status}). Check DATADOG_API_KEY, DATADOG_APP_KEY and its "
        f"scopes {SCOPES}, and DATADOG_SITE={settings.site}."
    )


def too_large(response: httpx.Response) -> bool:
    """Whether asking for fewer accounts may help."""
    if response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        return True
    words = " ".join(_words(response)).lower()
    return response.status_code in {400, 414, 422} and any(w in words for w in TOO_LARGE_WORDS)


def _words(response: httpx.Response) -> list[str]:
    try:
        body: Any = json.loads(response.content)
    except ValueError:
        return []
    return error_texts(body.get("errors")) if isinstance(body, dict) else []
