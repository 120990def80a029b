"""``forget``: removes a person from all that is stored."""

import asyncio
import sys
from collections.abc import Sequence

from cli.wired import Wired
from services.domain import Actor
from services.domain.errors import ConflictError
from services.operations.erasure import PersonalData

ACTOR = Actor(interface="cli", name="forget")
WORDS = {
    "admins": "role of an admin",
    "alerts": "cards in channels",
    "anomalies": "answers to anomalies",
    "api_keys": "API keys, by whom they were made (the keys stay good)",
    "audit": "entries of the audit trail (the entries stay, without the person)",
    "conversations": "conversations: a chat of the person's own, or by whom alerts were asked for",
    "deliveries": "deliveries (they stay as numbers, without the person)",
    "floors": "raised floors, by whom",
    "notification_config": "stored settings",
    "outbox": "captured mails in the outbox",
    "open_cards": "cards in progress",
    "pending_imports": "imports that wait for Confirm",
    "plans": "planned changes, by whom",
    "reports": "frozen reports (the address in them)",
    "runs": "runs, by whom they were asked for",
    "teams": "teams",
}


async def forget(wired: Wired, words: Sequence[str], *, yes: bool) -> int:
    """Shows what is stored of a person, asks, and removes it; 0 when nothing is left."""
    found = await wired.privacy.look(words, wired.clock())
    _show(found)
    if not found.documents:
        print("Nothing is stored of this person.")
    if found.hindrances:
        raise ConflictError("Nothing was removed. " + " ".join(found.hindrances))
    if not yes and not await _agreed():
        raise ConflictError("Nothing was removed. Answer yes, or give --yes.")
    changed = await wired.privacy.forget(found, ACTOR, wired.clock())
    left = (await wired.privacy.look(words, wired.clock())).documents
    print(f"Removed from {sum(changed.values())} places.")
    if left:
        print(f"Still in {_listed(left)}: it was stored again meanwhile. Run the command again.")
        return 1
    return 0


def _show(found: PersonalData) -> None:
    names = f" ({', '.join(found.identity.names)})" if found.identity.names else ""
    print(f"Stored of {', '.join((*found.identity.addresses, *found.identity.ids))}{names}:")
    for team in found.teams:
        print(f"  gets the report of {team.team_name}")
    if found.is_global_admin:
        print("  gets the consolidated report")
    for name, number in sorted(found.documents.items()):
        print(f"  {number:5} {WORDS.get(name, name)}")


def _listed(documents: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(documents.items()))


async def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    answer = await asyncio.to_thread(input, "Remove all this? It cannot be undone. [yes/no] ")
    return answer.strip().casefold() == "yes"
