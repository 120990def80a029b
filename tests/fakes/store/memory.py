"""``MemoryStore``: all stores in one, app as ``MongoStore`` is."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.fakes.store.admins import MemoryAdmins
from tests.fakes.store.alert_minimums import MemoryAlertMinimums
from tests.fakes.store.alerts import MemoryAlerts
from tests.fakes.store.anomalies import MemoryAnomalies
from tests.fakes.store.api_keys import MemoryApiKeys
from tests.fakes.store.audit_entries import MemoryAuditEntries
from tests.fakes.store.cards_in_progress import MemoryCardsInProgress
from tests.fakes.store.config import MemoryConfig
from tests.fakes.store.conversations import MemoryConversations
from tests.fakes.store.costs import MemoryCosts
from tests.fakes.store.deliveries import MemoryDeliveries
from tests.fakes.store.erasure import MemoryErasure
from tests.fakes.store.pending_imports import MemoryPendingImports
from tests.fakes.store.planned_changes import MemoryPlannedChanges
from tests.fakes.store.rate_budget import MemoryRateBudget
from tests.fakes.store.restored import MemoryRestored
from tests.fakes.store.runs import MemoryRuns
from tests.fakes.store.teams import MemoryTeams


@dataclass
class MemoryStore:
    """Implements ``services.ports.Store``."""

    costs: MemoryCosts = field(default_factory=MemoryCosts)
    teams: MemoryTeams = field(default_factory=MemoryTeams)
    config: MemoryConfig = field(default_factory=MemoryConfig)
    audit_entries: MemoryAuditEntries = field(default_factory=MemoryAuditEntries)
    anomalies: MemoryAnomalies = field(default_factory=MemoryAnomalies)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    deliveries: MemoryDeliveries = field(default_factory=MemoryDeliveries)
    rate_budget: MemoryRateBudget = field(default_factory=MemoryRateBudget)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    admins: MemoryAdmins = field(default_factory=MemoryAdmins)
    conversations: MemoryConversations = field(default_factory=MemoryConversations)
    cards_in_progress: MemoryCardsInProgress = field(default_factory=MemoryCardsInProgress)
    alert_minimums: MemoryAlertMinimums = field(default_factory=MemoryAlertMinimums)
    planned_changes: MemoryPlannedChanges = field(default_factory=MemoryPlannedChanges)
    pending_imports: MemoryPendingImports = field(default_factory=MemoryPendingImports)
    api_keys: MemoryApiKeys = field(default_factory=MemoryApiKeys)
    restored: MemoryRestored = field(init=False)
    erasure: MemoryErasure = field(init=False)

    def __post_init__(self) -> None:
        self.restored = MemoryRestored(self.runs, self.deliveries)
        self.erasure = MemoryErasure(
            {
                "admins": self.admins.admins,
                "alerts": self.alerts.alerts,
                "anomalies": self.anomalies.anomalies,
                "api_keys": self.api_keys.keys,
                "audit": self.audit_entries.entries,
                "conversations": self.conversations.conversations,
                "deliveries": self.deliveries.deliveries,
                "floors": self.alert_minimums.minimums,
                "notification_config": self.config.stored,
                "open_cards": self.cards_in_progress.cards,
                "pending_imports": self.pending_imports.pending,
                "plans": self.planned_changes.changes,
                "reports": self.runs.reports,
                "runs": self.runs.runs,
                "teams": self.teams.teams,
            }
        )

    async def prepare(self) -> None:
        """There are no indexes."""

    async def ping(self) -> None:
        """It always answers."""

    async def server_version(self) -> str:
        """No server."""
        return "0"

    async def server_time(self) -> datetime:
        """No clock of its own."""
        return datetime.now(UTC)

    async def aclose(self) -> None:
        """Nothing is open."""
