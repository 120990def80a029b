"""Kinds of values that settings have: addresses of several sorts, ids, lists."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from services.domain.addresses import is_loopback

PUBLIC_LOGIN = "https://login.microsoftonline.com"
GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
TENANT = r"^[0-9A-Za-z][0-9A-Za-z.-]{0,253}$"
"""A tenant's id or one of its domains."""


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://example.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is allowed towards this machine only; use https")
    return url.rstrip("/")


def _https(url: str) -> str:
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise ValueError("must be an address such as https://example.com")
    return url


def _comma_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


WebAddress = Annotated[str, BeforeValidator(_https_or_loopback)]
"""Where this process itself sends requests."""
Page = Annotated[str, AfterValidator(_https), Field(max_length=2048)]
"""Where people are sent to."""
CommaList = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]
