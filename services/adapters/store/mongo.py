"""``MongoStore``: the collections of one database and their indexes."""

from datetime import UTC, datetime

from pymongo import ASCENDING, DESCENDING

from services.adapters.store.admins import MongoAdmins
from services.adapters.store.alert_minimums import MongoAlertMinimums
from services.adapters.store.alerts import MongoAlerts
from services.adapters.store.anomalies import MongoAnomalies
from services.adapters.store.api_keys import MongoApiKeys
from services.adapters.store.audit_entries import MongoAuditEntries
from services.adapters.store.cards_in_progress import MongoCardsInProgress
from services.adapters.store.client import guarded, open_client, open_database, too_old
from services.adapters.store.config import MongoConfig
from services.adapters.store.conversations import MongoConversations
from services.adapters.store.costs import MongoCosts
from services.adapters.store.deliveries import MongoDeliveries
from services.adapters.store.erasure import MongoErasure
from services.adapters.store.migrations import migrate
from services.adapters.store.pending_imports import MongoPendingImports
from services.adapters.store.planned_changes import MongoPlannedChanges
from services.adapters.store.rate_budget import MongoRateBudget
from services.adapters.store.restored import MongoRestored
from services.adapters.store.runs import MongoRuns
from services.adapters.store.teams import MongoTeams

MIN_MAJOR_VERSION = 6
"""The oldest that the agent is tested on."""
DAY_SECONDS = 86_400
RETENTION_SECONDS = 400 * DAY_SECONDS
"""How long runs, reports and deliveries are stored.

An index that exists is not changed: MongoDB refuses another ``expireAfterSeconds`` with
IndexOptionsConflict. A new value needs a migration with ``collMod``.
"""


class MongoStore:
    """Implements ``services.ports.Store``."""

    def __init__(self, url: str, database: str) -> None:
        self._client = open_client(url)
        self._db = open_database(self._client, database)
        self.costs = MongoCosts(self._db)
        self.teams = MongoTeams(self._db)
        self.config = MongoConfig(self._db)
        self.audit_entries = MongoAuditEntries(self._db)
        self.anomalies = MongoAnomalies(self._db)
        self.runs = MongoRuns(self._db)
        self.deliveries = MongoDeliveries(self._db)
        self.rate_budget = MongoRateBudget(self._db)
        self.admins = MongoAdmins(self._db)
        self.alerts = MongoAlerts(self._db)
        self.conversations = MongoConversations(self._db)
        self.cards_in_progress = MongoCardsInProgress(self._db)
        self.alert_minimums = MongoAlertMinimums(self._db)
        self.planned_changes = MongoPlannedChanges(self._db)
        self.pending_imports = MongoPendingImports(self._db)
        self.api_keys = MongoApiKeys(self._db)
        self.restored = MongoRestored(self._db)
        self.erasure = MongoErasure(self._db)

    @guarded
    async def prepare(self) -> None:
        """Migrate the data and create the indexes; safe to repeat and to run concurrently.

        Raises SettingsError when the server is too old.
        """
        await self._check_version()
        db = self._db
        await migrate(db)
        await db.teams.create_index(
            [("sample", ASCENDING), ("aws_account_id", ASCENDING)], unique=True
        )
        await db.cost_history.create_index(
            [("source", ASCENDING), ("month", ASCENDING), ("account_id", ASCENDING)]
        )
        await db.cost_history.create_index(
            [("source", ASCENDING), ("account_id", ASCENDING), ("month", DESCENDING)]
        )
        await db.anomalies.create_index(
            [("source", ASCENDING), ("status", ASCENDING), ("account_id", ASCENDING)]
        )
        await db.anomalies.create_index([("source", ASCENDING), ("raised_at", DESCENDING)])
        await db.runs.create_index([("source", ASCENDING), ("created_at", DESCENDING)])
        await db.runs.create_index([("source", ASCENDING), ("state", ASCENDING)])
        await db.reports.create_index([("run_id", ASCENDING), ("kind", ASCENDING)])
        await db.deliveries.create_index(
            [
                ("run_id", ASCENDING),
                ("state", ASCENDING),
                ("not_before", ASCENDING),
                ("_id", ASCENDING),
            ]
        )
        # TTL indexes. MongoDB removes expired documents about once a minute, so that nothing may
        # rely on the exact second.
        for collection, field in ((db.runs, "created_at"), (db.reports, "made_at")):
            await collection.create_index(field, expireAfterSeconds=RETENTION_SECONDS)
        await db.deliveries.create_index("updated_at", expireAfterSeconds=RETENTION_SECONDS)
        await db.alerts.create_index([("subject", ASCENDING)])
        await db.alerts.create_index([("conversation_id", ASCENDING), ("created_at", DESCENDING)])
        await db.plans.create_index([("account_id", ASCENDING), ("last", ASCENDING)])
        await db.pending_imports.create_index("at", expireAfterSeconds=DAY_SECONDS)
        await db.conversations.create_index([("alerts_since", ASCENDING)])
        await db.audit.create_index([("at", DESCENDING)])
        await db.audit.create_index([("subject", ASCENDING), ("at", DESCENDING)])

    async def _check_version(self) -> None:
        version = await self.server_version()
        if int(version.partition(".")[0]) < MIN_MAJOR_VERSION:
            raise too_old(version)

    @guarded
    async def ping(self) -> None:
        """Raise StoreUnavailableError when MongoDB is not responding."""
        await self._client.admin.command("ping")

    @guarded
    async def server_version(self) -> str:
        info = await self._client.admin.command("buildInfo")
        return str(info["version"])

    @guarded
    async def server_time(self) -> datetime:
        hello = await self._client.admin.command("hello")
        at: datetime = hello["localTime"]
        return at.replace(tzinfo=UTC)

    async def aclose(self) -> None:
        self._client.close()
