"""``api-key``: creates, lists and revokes keys of the REST API."""

from datetime import UTC, datetime, timedelta

from cli.wired import Wired
from services.domain import Actor, ApiKey

ACTOR = Actor(interface="cli", name="api-key")


async def create(wired: Wired, name: str, scopes: str, days: int | None) -> int:
    """Prints the new key, alone on the last line; it is never shown again."""
    now = wired.clock()
    first = not await wired.api_keys.ever_existed()
    expires = now + timedelta(days=days) if days is not None else None
    key, secret = await wired.api_keys.create(
        name, scopes.split(","), ACTOR, now, expires_at=expires
    )
    print(f"Key {key.id} for {key.name} ({', '.join(key.scopes)}){_until(key)}.")
    if first:
        print("It is the first one: from now on every REST request needs a key.")
    print("Keep it now, it is not shown again. Send it as: Authorization: Bearer <key>")
    print(secret, flush=True)
    return 0


async def list_keys(wired: Wired) -> int:
    """Prints a line for each key, revoked ones too."""
    keys = await wired.api_keys.list()
    if not keys:
        print("There is no API key: REST is in local mode and answers this machine only.")
    for key in keys:
        print(
            f"{key.id}  {','.join(key.scopes):<10}  {_state(key, wired.clock()):<8}  "
            f"created {_when(key.created_at)}  "
            f"used {_when(key.last_used_at)}{_until(key)}  {key.name}"
        )
    return 0


async def revoke(wired: Wired, key_id: str) -> int:
    """Ends a key at once."""
    key = await wired.api_keys.revoke(key_id, ACTOR, wired.clock())
    print(f"Key {key.id} ({key.name}) is revoked. REST goes on needing a key.")
    return 0


def _until(key: ApiKey) -> str:
    return f", until {_when(key.expires_at)}" if key.expires_at else ""


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "never"


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.trouble(now) else "valid"
