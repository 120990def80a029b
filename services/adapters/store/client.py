"""The connection to MongoDB, and its errors in plain words."""

from collections.abc import Callable, Coroutine
from datetime import date, datetime
from decimal import Decimal
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import (
    ConfigurationError,
    DocumentTooLarge,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern

from services.domain.errors import SettingsError, StoreDeniedError, StoreUnavailableError

Database = AsyncIOMotorDatabase[dict[str, Any]]
DUPLICATE_KEY = 11000
ACCESS_DENIED = {13, 18}
"""Unauthorized and AuthenticationFailed. Codes, as the texts differ between MongoDB 6 and 7."""

Params = ParamSpec("Params")
Result = TypeVar("Result")


ADVICE = "Use one such as mongodb://user:password@host:27017."


def open_client(url: str) -> AsyncIOMotorClient[dict[str, Any]]:
    """Create a client, which connects when first used; SettingsError for an invalid address."""
    # The driver takes text without a scheme for a host, which then only seems to be away.
    scheme, separator, rest = url.partition("://")
    if not (scheme and separator):
        raise SettingsError(f"MONGO_URL is not a MongoDB address. {ADVICE}")
    # With "@" or "/" in a password the driver takes the part behind it for the host, and prints it.
    server, _, path = rest.partition("?")[0].partition("/")
    if server.count("@") > 1 or "@" in path:
        raise SettingsError(
            "MONGO_URL has a user or password with @ or / in it. Write such characters as their "
            "codes: %40 for @, %2F for /, %3A for :, and %25 for %."
        )
    try:
        return AsyncIOMotorClient(
            url,
            # Five seconds rather than the driver's 30: a person in Teams is waiting, and the next
            # tick tries again anyway.
            serverSelectionTimeoutMS=5000,
            connectTimeoutMS=5000,
            socketTimeoutMS=20000,
            appname="aws-cost-agent",
        )
    except (ConfigurationError, ValueError, PyMongoError) as error:
        raise SettingsError(
            f"MONGO_URL is not a MongoDB address ({_one_line(error)}). {ADVICE}"
        ) from error


def open_database(client: AsyncIOMotorClient[dict[str, Any]], name: str) -> Database:
    """Open a database for claims and leases: majority writes, primary reads, instants in UTC.

    With ``w=1`` a failover may roll back a claim that a worker has acted on, and the email goes
    out twice. ``j=True`` is for a standalone server, which acknowledges before it journals: killed
    with SIGKILL, the embedded MongoDB 6.0 lost up to 121 acknowledged writes without it, and none
    with it (10 kills each).
    """
    return AsyncIOMotorDatabase(
        client,
        name,
        codec_options=CodecOptions(tz_aware=True),
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )


def guarded(
    call: Callable[Params, Coroutine[Any, Any, Result]],
) -> Callable[Params, Coroutine[Any, Any, Result]]:
    """Turn the driver's errors into StoreUnavailableError, or SettingsError for an old server.

    DocumentTooLarge passes through: the caller has to split its document, not the user.
    """

    @wraps(call)
    async def wrapped(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        try:
            return await call(*args, **kwargs)
        except DocumentTooLarge:
            raise
        except PyMongoError as error:
            raise explained(error) from error

    return wrapped


def too_old(version: str) -> SettingsError:
    return SettingsError(
        f"The MongoDB server at MONGO_URL is too old ({version}). The agent needs 6.0 or newer: "
        "upgrade it, or set MONGO_URL to another server."
    )


def explained(error: PyMongoError) -> StoreUnavailableError | SettingsError:
    """Explain a driver error and how to fix it."""
    if isinstance(error, ConfigurationError) and "wire version" in str(error):
        return too_old("its protocol version is no longer supported")
    if isinstance(error, OperationFailure) and error.code in ACCESS_DENIED:
        return StoreDeniedError(
            "MongoDB denied access. Check the user and password in MONGO_URL, and that the user may "
            "read and write the database DB_NAME."
        )
    return StoreUnavailableError(
        f"MongoDB is not responding ({_one_line(error)}). "
        "Check that it is running and that MONGO_URL is correct."
    )


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    # The driver appends a dump of every server, which repeats the address several times.
    for end in (", Timeout:", ", Topology", " (configured timeouts"):
        text = text.split(end)[0]
    return text[:200]


def behind(name: str, after: tuple[datetime, str]) -> dict[str, Any]:
    """A filter for the next page when sorted by ``name`` and ``_id``, both descending.

    ``_id`` breaks ties: several documents may have the same instant.
    """
    return _beyond("$lt", (name, "_id"), after)


def ahead(names: tuple[str, str], after: tuple[str, str]) -> dict[str, Any]:
    """A filter for the next page when sorted by two fields, both ascending."""
    return _beyond("$gt", names, after)


def _beyond(operator: str, names: tuple[str, str], after: tuple[Any, str]) -> dict[str, Any]:
    (first, second), (value, last) = names, after
    either = [{first: {operator: value}}, {first: value, second: {operator: last}}]
    # Implied by the alternatives, and stated because MongoDB derives the bounds of an index scan
    # from this alone: otherwise each page would read all pages before it.
    return {"$and": [{first: {f"{operator}e": value}}, {"$or": either}]}


def plain(value: Any) -> Any:
    """Convert a value to what BSON can store: decimals and dates as text, tuples as lists."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):  # before ``date``, of which it is a subclass
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
