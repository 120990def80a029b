"""``forget``: remove a person from everything that is stored."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from services.application import Application
from services.domain import Actor
from services.domain.errors import ConflictError
from services.operations import PersonalData

ACTOR = Actor(interface="cli", name="forget")
LABELS = {
    "admins": "admin roles",
    "alerts": "cards in channels",
    "anomalies": "answers to anomalies",
    "api_keys": "API keys: who created them (the keys stay valid)",
    "audit": "audit trail entries (the entries stay, without the person)",
    "conversations": "conversations: the person's own chat, or who turned alerts on",
    "deliveries": "deliveries (they stay in the counts, without the person)",
    "floors": "alert minimums: who raised them",
    "notification_config": "stored settings",
    "outbox": "captured emails in the outbox",
    "open_cards": "cards in progress",
    "pending_imports": "imports waiting for Confirm",
    "plans": "planned changes: who announced them",
    "reports": "frozen reports (the address in them)",
    "runs": "runs: who started them",
    "teams": "teams",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "who",
        nargs="+",
        metavar="WHO",
        help="email address or Entra object ID; several must be of the same person",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


async def forget(app: Application, identifiers: Sequence[str], *, yes: bool) -> int:
    """Show what is stored about a person, ask, and remove it; returns 0 when nothing remains.

    ``identifiers``: email addresses and object IDs, all of the same person.
    """
    stored = await app.operations.erasure.find(identifiers, app.context.clock())
    _show(stored)
    if not stored.documents:
        print("Nothing is stored about this person.")
    if stored.hindrances:
        raise ConflictError("Nothing was removed. " + " ".join(stored.hindrances))
    if not yes and not await _is_confirmed():
        raise ConflictError("Nothing was removed. Answer yes, or use --yes.")
    changed = await app.operations.erasure.forget(stored, ACTOR, app.context.clock())
    remaining = (await app.operations.erasure.find(identifiers, app.context.clock())).documents
    print(f"Removed from {sum(changed.values())} places.")
    if remaining:
        print(
            f"Some was stored again in the meantime: {_listed(remaining)}. Run the command again."
        )
        return 1
    return 0


def _show(stored: PersonalData) -> None:
    names = f" ({', '.join(stored.identity.names)})" if stored.identity.names else ""
    identifiers = (*stored.identity.addresses, *stored.identity.ids)
    print(f"Stored about {', '.join(identifiers)}{names}:")
    for team in stored.teams:
        print(f"  gets the report of {team.team_name}")
    if stored.is_global_admin:
        print("  gets the consolidated report")
    for name, number in sorted(stored.documents.items()):
        print(f"  {number:5} {LABELS.get(name, name)}")


def _listed(documents: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(documents.items()))


async def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        return False
    answer = await asyncio.to_thread(input, "Remove all this? It cannot be undone. [yes/no] ")
    return answer.strip().casefold() == "yes"
