"""Erases a person from teams, roles, conversations, the audit trail, reports and deliveries.

No address has to be kept to avoid sending an email twice: that depends on the states of runs and
deliveries only, as a finished period is never planned again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.administration import AuditTrail, Config, Roles
from services.domain import Actor, Identity, Person, RunKind, Team
from services.domain.errors import ConflictError, InvalidError
from services.ports import CapturedMails, ErasureStore, RunStore, TeamStore

MIN_ID_LENGTH = 8
"""A shorter ID would also match other text."""
MAX_RUNS = 10_000
"""More than are ever open at once, as runs expire after three days."""
ADDRESS_OR_ID = re.compile(r"[\w.:|@+%'-]+")


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What is stored about a person."""

    identity: Identity
    teams: tuple[Team, ...] = ()
    """Teams whose email address or additional recipients include the person."""
    is_global_admin: bool = False
    admin_of: tuple[Person, ...] = ()
    documents: dict[str, int] = field(default_factory=dict)
    """Number of documents that name the person, by collection, and of captured emails, ``outbox``."""
    hindrances: tuple[str, ...] = ()
    """What prevents the erasure, and what to do."""


class Erasure:
    """Finds and erases what is stored about a person."""

    def __init__(
        self,
        *,
        traces: ErasureStore,
        teams: TeamStore,
        config: Config,
        roles: Roles,
        runs: RunStore,
        outbox: CapturedMails,
        audit: AuditTrail,
    ) -> None:
        self._traces = traces
        self._teams = teams
        self._config = config
        self._roles = roles
        self._runs = runs
        self._outbox = outbox
        self._audit = audit

    async def find(self, words: Sequence[str], now: datetime) -> PersonalData:
        """Find what is stored about the person with these addresses and IDs.

        Raises InvalidError for text that is neither.
        """
        identity = await self._traces.complete(identity_of(words))
        teams = [
            team
            for sample in (False, True)
            for team in await self._teams.list_teams(sample=sample)
            if {team.team_email.casefold(), *map(str.casefold, team.admin_emails)} & held(identity)
        ]
        admins = (await self._config.stored(now)).global_admin_emails
        return PersonalData(
            identity,
            teams=tuple(teams),
            is_global_admin=bool(held(identity) & set(map(str.casefold, admins))),
            admin_of=tuple(
                Person(object_id=admin.object_id, tenant_id=admin.tenant_id, name=admin.name)
                for admin in await self._roles.admins()
                if admin.object_id.casefold() in set(map(str.casefold, identity.ids))
            ),
            documents=await self._count_documents(identity),
            hindrances=tuple(await self._hindrances(identity, teams, now)),
        )

    async def _count_documents(self, identity: Identity) -> dict[str, int]:
        counts = dict(await self._traces.find(identity))
        if emails := await self._outbox.count_to(sorted(held(identity))):
            counts["outbox"] = emails
        return counts

    async def _hindrances(
        self, identity: Identity, teams: Sequence[Team], now: datetime
    ) -> list[str]:
        addresses = held(identity)
        hindrances = [
            f"It is the address of the team {team.team_name}: give the team another one first "
            f"(`edit team {team.team_name}` in Teams, or import-teams)."
            for team in teams
            if team.team_email.casefold() in addresses
        ]
        smtp = self._config.smtp_settings(await self._config.stored(now))
        if {(smtp.sender or "").casefold(), (smtp.user or "").casefold()} & addresses:
            hindrances.append(
                "It is the sender or the sign-in user of emails: change SENDER_EMAIL and SMTP_USER "
                "(or sender_email and smtp_user in the stored settings) first."
            )
        configured = set(map(str.casefold, self._roles.configured))
        if configured & set(map(str.casefold, identity.ids)):
            hindrances.append(
                "It is in ADMIN_AAD_OBJECT_IDS: remove it from that setting and restart first."
            )
        hindrances += [
            f"The run {run.id} is still open, and its emails must not change: wait until it is "
            "done, then try again."
            for run in await self._runs.list_runs(None, open_only=True, limit=MAX_RUNS)
            if run.kind is not RunKind.DAILY
        ]
        return hindrances

    async def forget(self, stored: PersonalData, actor: Actor, now: datetime) -> dict[str, int]:
        """Erase the person; returns the number of changed documents by collection.

        May be repeated. Raises ConflictError that lists what prevents it.
        """
        if stored.hindrances:
            raise ConflictError(" ".join(stored.hindrances))
        addresses = held(stored.identity)
        for person in stored.admin_of:
            await self._roles.revoke(person, actor, now)
        for team in stored.teams:
            await self._leave(team, addresses, now)
        await self._config.change(
            lambda stored: {"global_admin_emails": without(stored.global_admin_emails, addresses)},
            actor,
            now,
        )
        # The documents last: the changes above have just named the person in the audit trail.
        changed = await self._traces.erase(stored.identity)
        if emails := await self._outbox.remove_to(sorted(addresses)):
            changed["outbox"] = emails
        facts: dict[str, object] = dict(changed)
        await self._audit.record(actor, "person.forget", "person", now, after=facts)
        return changed

    async def _leave(self, team: Team, addresses: set[str], now: datetime) -> None:
        """Remove the addresses in the store, which also has the teams of the inactive cost source."""
        remaining = without(team.admin_emails, addresses)
        update = {"admin_emails": tuple(remaining), "version": team.version + 1, "updated_at": now}
        if not await self._teams.replace(team.model_copy(update=update)):
            raise ConflictError(
                f"The team {team.team_name} is being changed by somebody else. Try again."
            )


def identity_of(words: Sequence[str]) -> Identity:
    """Separate email addresses from IDs. Raises InvalidError."""
    for word in words:
        if not ADDRESS_OR_ID.fullmatch(word) or ("@" not in word and len(word) < MIN_ID_LENGTH):
            raise InvalidError(
                f"{word!r} is neither an email address nor an ID. Give the person's email address, "
                "Entra object ID, or the ID of the chat with the agent."
            )
    return Identity(
        addresses=tuple(word for word in words if "@" in word),
        ids=tuple(word for word in words if "@" not in word),
    )


def held(identity: Identity) -> set[str]:
    """The person's addresses, case-folded for comparison."""
    return {address.casefold() for address in identity.addresses}


def without(stored: Sequence[str], addresses: set[str]) -> list[str]:
    """Remove case-folded ``addresses`` from a stored list."""
    return [address for address in stored if address.casefold() not in addresses]
