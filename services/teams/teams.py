"""Adds, changes, removes and imports teams."""

import asyncio
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.administration import AuditTrail
from services.domain import SAMPLE, Actor, SourceName, Team
from services.domain.errors import (
    ConflictError,
    InvalidError,
    NameTakenError,
    NotFoundError,
)
from services.domain.pasted import match_key
from services.ports import TeamStore
from services.runtime.batches import chunked
from services.runtime.compare_and_set import compare_and_set
from services.teams.csv_import import ImportResult, ImportRow
from services.teams.import_plan import ImportPlan, PlannedEdit, row_problems
from services.teams.team_fields import FIELDS, TeamInput, TeamPatch, facts_of, validated

MAX_CONCURRENT_WRITES = 25
DASHED_ACCOUNT_ID = re.compile(r"\d{4}-\d{4}-\d{4}", re.ASCII)
"""An account ID as the AWS console shows it."""


class Teams:
    """The real teams, or with sample costs the sample teams until there is a real one."""

    def __init__(self, store: TeamStore, audit: AuditTrail, *, source: SourceName) -> None:
        self._store = store
        self._audit = audit
        self._source = source

    async def list(self) -> list[Team]:
        """All teams, by name."""
        real = await self._store.list_teams(sample=False)
        if real or self._source != SAMPLE:
            return real
        return await self._store.list_teams(sample=True)

    async def page(self, limit: int, after: tuple[str, str] | None = None) -> Sequence[Team]:
        """At most ``limit`` teams, by name; ``after``: (``match_key`` of the name, account ID)."""
        sample = await self._shows_samples()
        return await self._store.page(sample=sample, after=after, limit=limit)

    async def by_account(self, accounts: Sequence[str]) -> dict[str, Team]:
        """The teams of those accounts that have one, by account ID."""
        teams = await self._store.of_accounts(accounts, sample=await self._shows_samples())
        return {team.aws_account_id: team for team in teams}

    async def count(self) -> int:
        """How many teams there are."""
        return await self._store.count(sample=await self._shows_samples())

    async def get(self, team_id: str) -> Team:
        """Return a team. Raises NotFoundError."""
        team = await self._store.get(team_id)
        if team is None or (team.sample and not await self._shows_samples()):
            raise NotFoundError("There is no team with this id. See the list of teams.")
        return team

    async def _shows_samples(self) -> bool:
        return self._source == SAMPLE and not await self._store.any_real()

    async def hidden_accounts(self) -> frozenset[str]:
        """Accounts of the sample teams, once there is a real team: they have gone with their teams."""
        if self._source != SAMPLE:
            return frozenset()
        real = await self._store.list_teams(sample=False)
        if not real:
            return frozenset()
        samples = await self._store.list_teams(sample=True)
        owned = {team.aws_account_id for team in real}
        return frozenset(team.aws_account_id for team in samples) - owned

    async def find(self, text: str) -> Sequence[Team]:
        """Find teams by name or account ID, or else by a prefix of either.

        Names that look the same match (``match_key``).
        """
        wanted = match_key(text)
        if DASHED_ACCOUNT_ID.fullmatch(wanted):
            wanted = wanted.replace("-", "")
        teams = await self.list()
        exact = [t for t in teams if wanted in {match_key(t.team_name), t.aws_account_id, t.id}]
        if exact or not wanted:
            return exact
        return [
            team
            for team in teams
            if match_key(team.team_name).startswith(wanted)
            or team.aws_account_id.startswith(wanted)
        ]

    async def add(
        self, body: Mapping[str, Any], actor: Actor, now: datetime, *, entry_id: str | None = None
    ) -> Team:
        """Add a team. Raises InvalidError, or ConflictError if the account or the name is taken.

        ``entry_id`` (here and below): ID of the change in the audit trail.
        """
        team = _new_team(validated(TeamInput, body), now)
        await self._store.add(team)
        await self._audit.record(
            actor, "team.add", team.id, now, after=facts_of(team), entry_id=entry_id
        )
        return team

    async def restore(
        self, team_id: str, facts: Mapping[str, Any], actor: Actor, now: datetime
    ) -> Team:
        """Add a removed team again, with its former ID. Raises ConflictError."""
        known = await self._store.get(team_id)
        if known is not None:
            return known
        team = Team.model_validate(
            {"id": team_id, "created_at": now, "updated_at": now, **dict(facts)}
        )
        await self._store.add(team)
        await self._audit.record(actor, "team.add", team_id, now, after=facts_of(team))
        return team

    async def change(
        self,
        team_id: str,
        body: Mapping[str, Any],
        actor: Actor,
        now: datetime,
        *,
        entry_id: str | None = None,
    ) -> Team:
        """Change the given fields; None resets the team's threshold to the global one.

        Raises ConflictError if another team has the new account or the new name.
        """
        patch = validated(TeamPatch, body).model_dump(exclude_unset=True)
        empty = {name for name, value in patch.items() if value is None} - {"anomaly_threshold"}
        if empty:
            problems = [(name, "cannot be empty") for name in FIELDS if name in empty]
            raise InvalidError("The team was not changed.", problems)

        async def attempt() -> Team | None:
            team = await self.get(team_id)
            changed = team.model_copy(update=patch)
            if changed == team:
                return team
            changed = changed.model_copy(update={"version": team.version + 1, "updated_at": now})
            if not await self._store.replace(changed):
                return None
            await self._audit.record(
                actor,
                "team.change",
                team_id,
                now,
                before=facts_of(team),
                after=facts_of(changed),
                entry_id=entry_id,
            )
            return changed

        return await compare_and_set(
            attempt, ConflictError("The team is being changed by somebody else. Try again.")
        )

    async def remove(
        self, team_id: str, actor: Actor, now: datetime, *, entry_id: str | None = None
    ) -> Team:
        """Remove a team; its costs, reports and deliveries stay."""
        await self.get(team_id)
        team = await self._store.remove(team_id)
        if team is None:
            raise NotFoundError("There is no team with this id. See the list of teams.")
        facts = {**facts_of(team), **({"sample": True} if team.sample else {})}
        await self._audit.record(
            actor, "team.remove", team_id, now, before=facts, entry_id=entry_id
        )
        return team

    async def import_rows(
        self, rows: Sequence[ImportRow], actor: Actor, now: datetime, *, dry_run: bool
    ) -> ImportResult:
        """Add and change teams, matched by account ID; no team is removed.

        Fields that a row does not have keep their stored values. An invalid row is reported with
        its index, line, field and reason; the other rows are imported.
        """
        plan = ImportPlan(await self._store.list_teams(sample=False))
        result = ImportResult()
        planned: list[PlannedEdit] = []
        for row in rows:
            # Other tasks get their turn: a row with 100 addresses takes 10 ms.
            await asyncio.sleep(0)
            try:
                if (edit := plan.edit(row)) is None:
                    result.unchanged += 1
                else:
                    planned.append(edit)
            except InvalidError as error:
                result.failed += row_problems(row, error.errors)
        if dry_run:
            result.edits = [edit.change for edit in planned]
            return result
        for batch in chunked(planned, MAX_CONCURRENT_WRITES):
            await self._write_all(batch, result, actor, now)
        return result

    async def _write_all(
        self, planned: Sequence[PlannedEdit], result: ImportResult, actor: Actor, now: datetime
    ) -> None:
        """Write concurrently: each write waits for MongoDB's journal, which batches them."""
        outcomes = await asyncio.gather(
            *(self._write(edit, actor, now) for edit in planned), return_exceptions=True
        )
        for edit, error in zip(planned, outcomes, strict=True):
            if error is None:
                result.edits.append(edit.change)
            elif isinstance(error, InvalidError):
                result.failed += row_problems(edit.row, error.errors)
            elif isinstance(error, NameTakenError):
                result.failed += row_problems(edit.row, [("team_name", str(error))])
            elif isinstance(error, ConflictError | NotFoundError):
                result.failed += row_problems(edit.row, [("aws_account_id", str(error))])
            else:
                raise error

    async def _write(self, edit: PlannedEdit, actor: Actor, now: datetime) -> None:
        if edit.team is None:
            await self.add(edit.fields, actor, now)
        else:
            await self.change(edit.team.id, edit.fields, actor, now)


def _new_team(fields: TeamInput, now: datetime) -> Team:
    return Team(id=uuid.uuid4().hex, **fields.model_dump(), created_at=now, updated_at=now)
