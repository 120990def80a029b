"""``api-key``: create, list and revoke keys of the REST API."""

import argparse
from datetime import UTC, datetime, timedelta

from cli.arguments import number_of_days
from services.application import Application
from services.domain import Actor, ApiKey

ACTOR = Actor(interface="cli", name="api-key")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="create a key and print it, alone on the last line")
    create.add_argument("--name", required=True, help="what it is for, such as a program")
    create.add_argument(
        "--scopes", required=True, metavar="read,write", help="what it allows: read, write or both"
    )
    create.add_argument(
        "--days", type=number_of_days, metavar="N", help="days until it expires; default: never"
    )
    actions.add_parser("list", help="list all keys, without the secrets")
    revoke = actions.add_parser("revoke", help="revoke a key immediately")
    revoke.add_argument("id", metavar="ID")


async def create(app: Application, name: str, scopes: str, days: int | None) -> int:
    """Print the new key, alone on the last line; it is never shown again."""
    now = app.context.clock()
    is_first = not await app.administration.api_keys.ever_existed()
    expires = now + timedelta(days=days) if days is not None else None
    key, secret = await app.administration.api_keys.create(
        name, scopes.split(","), ACTOR, now, expires_at=expires
    )
    print(f"Key {key.id} for {key.name} ({', '.join(key.scopes)}){_until(key)}.")
    if is_first:
        print("This is the first key: from now on every REST request needs one.")
    print("Store it now: it will not be shown again. Send it as: Authorization: Bearer <key>")
    print(secret, flush=True)
    return 0


async def list_keys(app: Application) -> int:
    """Print a line for each key, including revoked ones."""
    keys = await app.administration.api_keys.list()
    if not keys:
        print(
            "There are no API keys. Without MicrosoftAppId, REST is in local mode and answers only "
            "this machine; with it, every request needs a key."
        )
    for key in keys:
        print(
            f"{key.id}  {','.join(key.scopes):<10}  {_state(key, app.context.clock()):<8}  "
            f"created {_when(key.created_at)}  "
            f"used {_when(key.last_used_at)}{_until(key)}  {key.name}"
        )
    return 0


async def revoke(app: Application, key_id: str) -> int:
    """Revoke a key immediately."""
    key = await app.administration.api_keys.revoke(key_id, ACTOR, app.context.clock())
    print(f"Key {key.id} ({key.name}) was revoked. REST requests still need a key.")
    return 0


def _until(key: ApiKey) -> str:
    return f", until {_when(key.expires_at)}" if key.expires_at else ""


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "never"


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.trouble(now) else "valid"
