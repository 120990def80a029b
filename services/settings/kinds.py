"""The kinds of values in settings, as people and platforms write them: URLs, IDs, hosts and lists."""

import re
from typing import Annotated, Any
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field

from services.domain.addresses import email_address, is_loopback_url

PUBLIC_LOGIN = "https://login.microsoftonline.com"
EXAMPLE_ID = "11111111-2222-3333-4444-555555555555"
DOMAIN = re.compile(r"[0-9a-z][0-9a-z.-]{0,253}")
NAME = re.compile(r"[A-Za-z0-9_-]{1,38}")
METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,199}")
HOST_WITH_PORT = re.compile(r"(?P<host>[^:/]+|\[[^]/]+\]):(?P<port>\d+)")


def _https_or_loopback(url: str) -> str:
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a URL such as https://example.com")
    # Requests to these addresses carry secrets, so plain HTTP must not leave this machine.
    if parts.scheme == "http" and not is_loopback_url(url):
        raise ValueError("must use https: plain http is only allowed to this machine")
    return url.rstrip("/")


def _https(url: str) -> str:
    parts = _split(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("must be a URL such as https://example.com")
    return url


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # an unbalanced bracket, in the library's words
        raise ValueError("must be a URL such as https://example.com") from None


def canonical_id(text: str) -> str | None:
    """An ID in lower case and without braces, as in tokens; None for any other text."""
    try:
        return str(UUID(text.strip("{}()")))
    except ValueError:
        return None


def _entra_id(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    entra_id = canonical_id(value)
    if entra_id is None:
        raise ValueError(f"must be an ID such as {EXAMPLE_ID}, which you can copy in Entra ID")
    return entra_id


def _tenant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    tenant = canonical_id(value) or value.lower()
    if not DOMAIN.fullmatch(tenant):
        raise ValueError(
            f"must be a tenant ID such as {EXAMPLE_ID}, or a domain of the tenant such as "
            "yourcompany.onmicrosoft.com"
        )
    return tenant


def _audience(value: Any) -> Any:
    return (canonical_id(value) or value) if isinstance(value, str) else value


def _id_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = [part.strip("\"'[]") for part in re.split(r"[,;\s]+", value)]
    ids = [canonical_id(part) or part.lower() for part in parts if part]
    for object_id in ids:
        if "@" in object_id:
            raise ValueError(
                f"must contain object IDs such as {EXAMPLE_ID}, and {object_id} is an email address. "
                "Copy the object ID from the person's page in Entra ID"
            )
    return tuple(ids)


def _host(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    with_port = HOST_WITH_PORT.fullmatch(value)
    if with_port:
        raise ValueError(
            f"must be a host name alone: set it to {with_port['host']}, and the port to "
            f"{with_port['port']}"
        )
    if "/" in value or len(value.split()) != 1:
        raise ValueError("must be a host name such as smtp.example.com, or an IP address")
    return value


def _address(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return email_address(value)
    except ValueError:  # in the library's words
        raise ValueError("must be an email address such as costs@example.com") from None


def _database_name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(
            "must be at most 38 letters, digits, hyphens and underscores, such as aws_cost_agent"
        )
    return value


def _metric(value: str) -> str:
    if not METRIC.fullmatch(value):
        raise ValueError("must be the name of a metric, such as aws.cost.amortized")
    return value


WebAddress = Annotated[str, BeforeValidator(_https_or_loopback)]
"""A URL that this process sends requests to."""
Page = Annotated[str, AfterValidator(_https), Field(max_length=2048)]
"""The URL of a page that people open."""
EntraId = Annotated[str, BeforeValidator(_entra_id)]
"""The ID of an app or a tenant; in capitals or braces as well."""
Tenant = Annotated[str, BeforeValidator(_tenant)]
"""An Entra tenant ID, or one of the tenant's domains."""
Audience = Annotated[str, BeforeValidator(_audience)]
"""A client ID, or a URI as it is."""
IdList = Annotated[tuple[str, ...], BeforeValidator(_id_list)]
"""Object IDs, separated by commas, semicolons or spaces."""
Host = Annotated[str, BeforeValidator(_host)]
Sender = Annotated[str, BeforeValidator(_address)]
DatabaseName = Annotated[str, AfterValidator(_database_name)]
Metric = Annotated[str, AfterValidator(_metric)]
