"""Runs in MongoDB, their leases, and the reports frozen for them."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import DESCENDING, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from services.adapters.store.client import Database, behind, explained, guarded, plain
from services.domain import Actor, FrozenReport, Run, RunKind, RunState, RunSummary, SourceName

NOT_PART_OF_RUN = {"lease": 0}


class MongoRuns:
    """Implements ``services.ports.RunStore``."""

    def __init__(self, db: Database) -> None:
        self._runs = db.runs
        self._reports = db.reports

    @guarded
    async def begin(self, run: Run) -> tuple[Run, bool]:
        doc = plain(run.model_dump(exclude={"id"}))
        lease = {"owner": None, "token": 0, "until": None}
        try:
            await self._runs.insert_one({"_id": run.id, **doc, "lease": lease})
        except DuplicateKeyError:
            stored = await self.get(run.id)
            if stored is not None:
                return stored, False
            raise
        return run, True

    @guarded
    async def get(self, run_id: str) -> Run | None:
        doc = await self._runs.find_one({"_id": run_id}, NOT_PART_OF_RUN)
        return run_of(doc) if doc else None

    @guarded
    async def list_runs(
        self,
        source: SourceName | None,
        *,
        kind: RunKind | None = None,
        open_only: bool = False,
        period: str | None = None,
        team_id: str | None = None,
        before: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Run]:
        query: dict[str, Any] = {} if source is None else {"source": source}
        if kind is not None:
            query["kind"] = kind.value
        if open_only:
            query["state"] = RunState.OPEN.value
        if period is not None:
            query["period"] = period
        if team_id is not None:
            query["team_id"] = team_id
        if before is not None:
            query["created_at"] = {"$lt": before}
        if after is not None:
            query |= behind("created_at", after)
        cursor = self._runs.find(query, NOT_PART_OF_RUN)
        cursor = cursor.sort([("created_at", DESCENDING), ("_id", DESCENDING)]).limit(limit)
        return [run_of(doc) async for doc in cursor]

    @guarded
    async def lease(self, run_id: str, owner: str, now: datetime, ttl: timedelta) -> int | None:
        free = [{"lease.owner": None}, {"lease.owner": owner}, {"lease.until": {"$lte": now}}]
        doc = await self._runs.find_one_and_update(
            {"_id": run_id, "$or": free},
            {"$set": {"lease.owner": owner, "lease.until": now + ttl}, "$inc": {"lease.token": 1}},
            projection={"lease.token": 1},
            return_document=ReturnDocument.AFTER,
        )
        return int(doc["lease"]["token"]) if doc else None

    @guarded
    async def holder(self, run_id: str) -> tuple[str, int] | None:
        doc = await self._runs.find_one({"_id": run_id}, {"lease": 1})
        if doc is None or doc["lease"]["owner"] is None:
            return None
        return doc["lease"]["owner"], doc["lease"]["token"]

    @guarded
    async def renew(
        self, run_id: str, owner: str, token: int, now: datetime, ttl: timedelta
    ) -> bool:
        result = await self._runs.update_one(
            {"_id": run_id, "lease.owner": owner, "lease.token": token},
            {"$set": {"lease.until": now + ttl}},
        )
        return result.matched_count == 1

    @guarded
    async def release(self, run_id: str, owner: str, token: int) -> None:
        await self._runs.update_one(
            {"_id": run_id, "lease.owner": owner, "lease.token": token},
            {"$set": {"lease.owner": None, "lease.until": None}},
        )

    @guarded
    async def mark_planned(self, run_id: str, token: int, summary: RunSummary) -> bool:
        return await self._under_token(
            run_id,
            token,
            {
                "$set": {
                    "planned": True,
                    "plan": token,
                    "summary": plain(summary.model_dump()),
                    "last_error": None,
                }
            },
            {"state": RunState.OPEN.value, "planned": False},
        )

    @guarded
    async def record_error(
        self, run_id: str, token: int, error: str, *, failed: bool, retry_at: datetime | None
    ) -> bool:
        change: dict[str, Any] = {"last_error": error, "retry_at": retry_at}
        if failed:
            change["state"] = RunState.FAILED.value
        return await self._under_token(run_id, token, {"$set": change, "$inc": {"attempts": 1}})

    @guarded
    async def close(
        self, run_id: str, token: int, openings: int, *, expired: bool, now: datetime
    ) -> bool:
        state = RunState.EXPIRED if expired else RunState.DONE
        return await self._under_token(
            run_id,
            token,
            {"$set": {"state": state.value, "finished_at": now}},
            {"state": RunState.OPEN.value, "planned": True, "openings": openings},
        )

    async def _under_token(
        self, run_id: str, token: int, change: dict[str, Any], also: dict[str, Any] | None = None
    ) -> bool:
        result = await self._runs.update_one(
            {"_id": run_id, "lease.token": token, **(also or {})}, change
        )
        return result.matched_count == 1

    @guarded
    async def reopen(
        self, run_id: str, requested_by: Actor, now: datetime, not_after: datetime
    ) -> bool:
        # First: a worker that saw the run before this can then no longer close it.
        await self._runs.update_one({"_id": run_id}, {"$inc": {"openings": 1}})
        result = await self._runs.update_one(
            {"_id": run_id, "state": {"$ne": RunState.OPEN.value}},
            {
                "$set": {
                    "state": RunState.OPEN.value,
                    "requested_by": plain(requested_by.model_dump()),
                    "not_after": not_after,
                    "finished_at": None,
                    "retry_at": None,
                    "last_error": None,
                    "attempts": 0,
                }
            },
        )
        return result.matched_count == 1

    @guarded
    async def freeze(self, reports: Sequence[FrozenReport]) -> None:
        if not reports:  # pymongo raises InvalidOperation for an empty bulk write
            return
        await self._reports.bulk_write(
            [
                UpdateOne(
                    {"_id": report.id},
                    {"$setOnInsert": plain(report.model_dump(exclude={"id"}))},
                    upsert=True,
                )
                for report in reports
            ],
            ordered=False,
        )

    @guarded
    async def frozen(self, report_id: str) -> FrozenReport | None:
        doc = await self._reports.find_one({"_id": report_id})
        return FrozenReport(id=doc.pop("_id"), **doc) if doc else None

    # No @guarded: it wraps coroutines, and this is an async generator.
    async def team_previews(self, run_id: str) -> AsyncIterator[tuple[str, dict[str, object]]]:
        parts = ("window", "currency", "current_total", "accounts")
        fields = {"team_id": 1, **{f"preview.{part}": 1 for part in parts}}
        try:
            async for doc in self._reports.find({"run_id": run_id, "kind": "team"}, fields):
                yield doc["team_id"], doc["preview"]
        except PyMongoError as error:
            raise explained(error) from error


def run_of(doc: dict[str, Any]) -> Run:
    return Run(id=doc.pop("_id"), **doc)
