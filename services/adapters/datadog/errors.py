"""Datadog's errors in plain words: what happened, and which setting to change."""

import json
import math
from typing import Any

import httpx

from services.adapters.datadog.bodies import RawResponse
from services.adapters.datadog.guidance import ADDRESS, SCOPES
from services.adapters.datadog.wire import error_texts
from services.domain.errors import CostHistoryEndsError, CostSourceError, ResponseTooLargeError
from services.domain.formatting import plural
from services.runtime.http_waits import reset_seconds, retry_after_seconds
from services.settings import DatadogSettings

BAD_QUERY = {400, 422}
REDIRECTS = range(300, 400)
PERMANENT = {400, 401, 403, 404, 405, 413, 415, 422}
TOO_LARGE_WORDS = ("too large", "too many", "too big", "limit of groups", "exceeds the maximum")
"""No status or code of its own is documented for a query with too many groups."""
RETENTION_WORD = "retention"
"""Days that are no longer kept are a plain 400, recorded in Datadog's API client as "Queries
ending outside the retention date are invalid"; only the word distinguishes it from a bad query."""


def explain(
    response: RawResponse, settings: DatadogSettings, is_key_valid: bool | None
) -> CostSourceError:
    """A response other than 200 as an error.

    ``is_key_valid``: whether the API key alone was accepted; None when it was not tried.
    """
    status = response.status
    words = "; ".join(_words(response))
    quoted = f' Datadog says: "{words}".' if words else ""
    if status in BAD_QUERY and RETENTION_WORD in words.lower():
        return CostHistoryEndsError(f"Datadog no longer keeps costs of these days.{quoted}")
    return CostSourceError(
        f"{_sentence(status, words, response, settings, is_key_valid)}{quoted}",
        permanent=status in PERMANENT or 300 <= status < 400,  # noqa: PLR2004 - neither an answer nor a refusal
    )


def too_large(response: RawResponse, problem: CostSourceError) -> ResponseTooLargeError | None:
    """The error that asks for fewer accounts, where that may help."""
    words = " ".join(_words(response)).lower()
    if response.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE or (
        response.status in {*BAD_QUERY, httpx.codes.REQUEST_URI_TOO_LONG}
        and any(word in words for word in TOO_LARGE_WORDS)
    ):
        return ResponseTooLargeError(str(problem))
    return None


def _sentence(
    status: int,
    words: str,
    response: RawResponse,
    settings: DatadogSettings,
    is_key_valid: bool | None,
) -> str:
    if status in {401, 403}:
        return _refused(status, words, response, settings, is_key_valid)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return (
            "Datadog's rate limit, which your whole organization shares, has been reached (429). "
            f"Try again {_when(response)}."
        )
    if status == httpx.codes.NOT_FOUND:
        return f"Datadog has no cost queries at {settings.base_url} (404). {ADDRESS}"
    if status in PERMANENT:
        return f"Datadog refused the query ({status}). Check DATADOG_COST_METRIC."
    if status < 400:  # noqa: PLR2004 - neither an answer nor a refusal
        # Followed nowhere, as the keys would go along.
        what = "redirects elsewhere" if status in REDIRECTS else "answers without costs"
        return f"{settings.base_url} {what} ({status}). {ADDRESS}"
    return f"Datadog failed to answer ({status}). Try again later."


def _when(response: RawResponse) -> str:
    """``in 60 minutes``, where the response says when the limit is reset."""
    seconds = reset_seconds(response.headers) or retry_after_seconds(response.headers) or 0.0
    minutes = math.ceil(seconds / 60)
    return f"in {plural(minutes, 'minute')}" if minutes > 0 else "later"


def _refused(
    status: int,
    words: str,
    response: RawResponse,
    settings: DatadogSettings,
    is_key_valid: bool | None,
) -> str:
    # Datadog never names the missing scope, and treats a key of another site as a wrong one.
    if "permission" in words.lower():
        return (
            f"Datadog's application key lacks a scope ({status}). Give the key of DATADOG_APP_KEY "
            f"the scopes {SCOPES}."
        )
    # Datadog responds with JSON; a web page comes from its edge or from a proxy on the way.
    if not words and "html" in response.headers.get("content-type", "").lower():
        return (
            f"The request was blocked before it reached Datadog ({status}, a web page). Ask your "
            f"network team to allow {settings.base_url}, and check DATADOG_SITE."
        )
    if is_key_valid is True:
        return (
            f"Datadog refused the application key ({status}). Check DATADOG_APP_KEY and that it "
            f"has the scopes {SCOPES}."
        )
    if is_key_valid is False:
        return (
            f"Datadog refused the API key ({status}). Check DATADOG_API_KEY, and that your "
            f"organization is at DATADOG_SITE={settings.site}: keys of one site do not work on "
            "another."
        )
    return (
        f"Datadog refused the keys ({status}). Check DATADOG_API_KEY, DATADOG_APP_KEY and its "
        f"scopes {SCOPES}, and DATADOG_SITE={settings.site}."
    )


def _words(response: RawResponse) -> list[str]:
    try:
        body: Any = json.loads(response.body)
    except (ValueError, RecursionError):
        return []
    return error_texts(body.get("errors")) if isinstance(body, dict) else []
