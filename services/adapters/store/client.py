"""The connection to MongoDB, and the one place that turns its errors into words."""

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

from services.domain.errors import SettingsError, StoreUnavailableError

Database = AsyncIOMotorDatabase[dict[str, Any]]
DUPLICATE_KEY = 11000
NOT_SIGNED_IN = {13, 18}

Params = ParamSpec("Params")
Result = TypeVar("Result")


def open_client(url: str) -> AsyncIOMotorClient[dict[str, Any]]:
    """A client that connects at its first use; SettingsError when the address is none."""
    try:
        return AsyncIOMotorClient(
            url,
            serverSelectionTimeoutMS=5000,
            connectTimeoutMS=5000,
            socketTimeoutMS=20000,
            appname="aws-cost-agent",
        )
    except (ConfigurationError, ValueError, PyMongoError) as error:
        raise SettingsError(
            f"MONGO_URL is no MongoDB address ({_one_line(error)}). "
            "Give one such as mongodb://user:password@host:27017."
        ) from error


def open_database(client: AsyncIOMotorClient[dict[str, Any]], name: str) -> Database:
    """The database: writes acknowledged by the majority, reads from the primary, UTC instants."""
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
    """Turns driver errors into StoreUnavailableError with the cure; the rest passes through.

    A server that is too old for the driver is a SettingsError.
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
    """Names the version and the cure."""
    return SettingsError(
        f"The MongoDB of MONGO_URL is too old ({version}). The agent needs 6.0 or newer: upgrade "
        "it, or set MONGO_URL to another one."
    )


def explained(error: PyMongoError) -> StoreUnavailableError | SettingsError:
    """An error of the driver as a sentence with the cure."""
    if isinstance(error, ConfigurationError) and "wire version" in str(error):
        return too_old("by its protocol")
    if isinstance(error, OperationFailure) and error.code in NOT_SIGNED_IN:
        return StoreUnavailableError(
            "MongoDB refused the sign-in or the right to do this. Check the user and password in "
            "MONGO_URL and that the user may read and write the database DB_NAME."
        )
    return StoreUnavailableError(
        f"MongoDB does not answer ({_one_line(error)}). "
        "Check that it runs and that MONGO_URL is right."
    )


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    # Server descriptions may repeat the address; what comes before them is enough.
    for end in (", Timeout:", ", Topology", " (configured timeouts"):
        text = text.split(end)[0]
    return text[:200]


def behind(name: str, after: tuple[datetime, str]) -> dict[str, Any]:
    """What comes behind a place in the order (instant ``name``, ``_id``), both descending."""
    instant, last_id = after
    return {"$or": [{name: {"$lt": instant}}, {name: instant, "_id": {"$lt": last_id}}]}


def plain(value: Any) -> Any:
    """A value as BSON can hold it: decimals and dates as text, tuples as lists."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
