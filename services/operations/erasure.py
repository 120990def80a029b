"""Forgetting a person: out of lists, roles, conversations, the trail, reports and deliveries.

What keeps the promise of no second mail is the state of runs and deliveries, and no address: a
finished period is not planned again. So nothing of a person has to be kept for it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.administration.roles import Roles
from services.domain import Actor, Identity, Person, RunKind, Team
from services.domain.errors import ConflictError, InvalidError
from services.ports import CapturedMails, ErasureStore, RunStore, TeamStore

MIN_ID_LENGTH = 8
"""Characters; a shorter id would be found in other words."""
MAX_RUNS = 10_000
"""More than are ever open at once: open ones end after days."""
PLACE = re.compile(r"[\w.:|@+%'-]+")


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What is stored of a person."""

    identity: Identity
    teams: tuple[Team, ...] = ()
    """Whose report the person gets beside the team's own address."""
    is_global_admin: bool = False
    admin_of: tuple[Person, ...] = ()
    documents: dict[str, int] = field(default_factory=dict)
    """Number of documents that name the person, by collection; and of captured mails, `outbox`."""
    hindrances: tuple[str, ...] = ()
    """Why nothing can be removed now, and what to do."""


class Erasure:
    """Finds and removes a person."""

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

    async def look(self, words: Sequence[str], now: datetime) -> PersonalData:
        """What is stored of the person with these addresses and ids.

        Raises InvalidError for words that are neither.
        """
        identity = await self._traces.known(identity_of(words))
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
                Person(object_id=one.object_id, tenant_id=one.tenant_id, name=one.name)
                for one in await self._roles.admins()
                if one.object_id.casefold() in {other.casefold() for other in identity.ids}
            ),
            documents=await self._found(identity),
            hindrances=tuple(await self._hindrances(identity, teams, now)),
        )

    async def _found(self, identity: Identity) -> dict[str, int]:
        found = dict(await self._traces.find(identity))
        if mails := await self._outbox.count_to(sorted(held(identity))):
            found["outbox"] = mails
        return found

    async def _hindrances(
        self, identity: Identity, teams: Sequence[Team], now: datetime
    ) -> list[str]:
        addresses = held(identity)
        found = [
            f"It is the address of the team {team.team_name}: give the team another one first "
            f"(`edit team {team.team_name}` in Teams, or import-teams)."
            for team in teams
            if team.team_email.casefold() in addresses
        ]
        smtp = self._config.smtp_settings(await self._config.stored(now))
        if {(smtp.sender or "").casefold(), (smtp.user or "").casefold()} & addresses:
            found.append(
                "Mails are sent from it or signed in with it: change SENDER_EMAIL and SMTP_USER "
                "(or sender_email and smtp_user in the stored settings) first."
            )
        if {one.casefold() for one in self._roles.configured} & {
            one.casefold() for one in identity.ids
        }:
            found.append(
                "It is in ADMIN_AAD_OBJECT_IDS: take it out of that setting and restart first."
            )
        found += [
            f"The run {run.id} is still open, and its mails must stay as they are: wait until "
            "it is done, then try again."
            for run in await self._runs.list_runs(None, open_only=True, limit=MAX_RUNS)
            if run.kind is not RunKind.DAILY
        ]
        return found

    async def forget(self, found: PersonalData, actor: Actor, now: datetime) -> dict[str, int]:
        """Removes the person; what was changed, by kind. May be repeated.

        Raises ConflictError with the hindrances.
        """
        if found.hindrances:
            raise ConflictError(" ".join(found.hindrances))
        addresses = held(found.identity)
        for person in found.admin_of:
            await self._roles.revoke(person, actor, now)
        for team in found.teams:
            await self._leave(team, addresses, now)
        await self._config.change(
            lambda stored: {"global_admin_emails": without(stored.global_admin_emails, addresses)},
            actor,
            now,
        )
        # The trail last, as the changes above have written into it.
        changed = await self._traces.erase(found.identity)
        if mails := await self._outbox.remove_to(sorted(addresses)):
            changed["outbox"] = mails
        facts: dict[str, object] = dict(changed)
        await self._audit.record(actor, "person.forget", "person", now, after=facts)
        return changed

    async def _leave(self, team: Team, addresses: set[str], now: datetime) -> None:
        """Straight at the store, as teams of the source that is not active are changed too."""
        left = without(team.admin_emails, addresses)
        update = {"admin_emails": tuple(left), "version": team.version + 1, "updated_at": now}
        if not await self._teams.replace(team.model_copy(update=update)):
            raise ConflictError(
                f"The team {team.team_name} is being changed by somebody else. Try again."
            )


def identity_of(words: Sequence[str]) -> Identity:
    """Addresses and ids, told apart. Raises InvalidError."""
    for word in words:
        if not PLACE.fullmatch(word) or ("@" not in word and len(word) < MIN_ID_LENGTH):
            raise InvalidError(
                f"{word!r} is no mail address and no id. Give the person's mail address, Entra "
                "object id, or the id of the chat with the agent."
            )
    return Identity(
        addresses=tuple(one for one in words if "@" in one),
        ids=tuple(one for one in words if "@" not in one),
    )


def held(identity: Identity) -> set[str]:
    """The addresses, however their letters are cased."""
    return {one.casefold() for one in identity.addresses}


def without(kept: Sequence[str], addresses: set[str]) -> list[str]:
    """The other addresses."""
    return [one for one in kept if one.casefold() not in addresses]
