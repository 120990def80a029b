"""The types of values in settings: URLs, IDs and lists."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from services.domain.addresses import is_loopback

PUBLIC_LOGIN = "https://login.microsoftonline.com"
GUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
TENANT = r"^[0-9A-Za-z][0-9A-Za-z.-]{0,253}$"
"""An Entra tenant ID, or one of the tenant's domains."""


def _https_or_loopback(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as https://example.com")
    # Requests to these addresses carry secrets, so plain HTTP must not leave this machine.
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is only allowed to this machine; use https")
    return url.rstrip("/")


def _https(url: str) -> str:
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise ValueError("must be a URL such as https://example.com")
    return url


def _comma_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return tuple(part.strip().lower() for part in value.split(",") if part.strip())


WebAddress = Annotated[str, BeforeValidator(_https_or_loopback)]
"""A URL that this process sends requests to."""
Page = Annotated[str, AfterValidator(_https), Field(max_length=2048)]
"""The URL of a page that people open."""
CommaList = Annotated[tuple[str, ...], BeforeValidator(_comma_list)]
