"""``MongoStore``: the collections of one database and their indexes."""

from datetime import UTC, datetime

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
from services.adapters.store.indexes import create_indexes
from services.adapters.store.migrations import migrate
from services.adapters.store.pending_imports import MongoPendingImports
from services.adapters.store.planned_changes import MongoPlannedChanges
from services.adapters.store.rate_budget import MongoRateBudget
from services.adapters.store.restored import MongoRestored
from services.adapters.store.runs import MongoRuns
from services.adapters.store.teams import MongoTeams

MIN_MAJOR_VERSION = 6
"""The oldest that the agent is tested on."""


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
        await migrate(self._db)
        await create_indexes(self._db)

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
