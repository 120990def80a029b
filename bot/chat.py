"""What the handlers of commands and buttons use; put together in ``app.py``."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from bot.files import Files
from bot.people import People
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.administration.conversations import Conversations
from services.administration.roles import Roles
from services.alerts import AlertRounds
from services.anomalies.alert_minimums import AlertMinimums
from services.anomalies.listing import AnomalyList
from services.anomalies.planned_changes import PlannedChanges
from services.anomalies.resolutions import Resolutions
from services.anomalies.what_if import WhatIfCalculator
from services.costs import CostIngest
from services.costs.history import CostHistoryReader
from services.domain import Conversation, SourceDescription
from services.operations.health import Health
from services.operations.undo import Undo
from services.ports import PendingImportStore
from services.reports.previews import ReportPreviewer
from services.runs.requests import RunRequests
from services.teams.teams import Teams


class TestPoster(Protocol):
    """Posts a message that does not answer a turn."""

    async def test(self, conversation: Conversation) -> None:
        """Says that alerts reach the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class Chat:
    """The use cases behind commands and buttons."""

    teams: Teams
    config: Config
    previews: ReportPreviewer
    histories: CostHistoryReader
    what_ifs: WhatIfCalculator
    plans: PlannedChanges
    floors: AlertMinimums
    anomalies: AnomalyList
    resolutions: Resolutions
    alerts: AlertRounds
    runs: RunRequests
    costs: CostIngest
    audit: AuditTrail
    changes: Undo
    conversations: Conversations
    roles: Roles
    people: People
    health: Health
    files: Files
    pending: PendingImportStore
    poster: TestPoster
    work_on_run: Callable[[str], None]
    """Work on a run in the background."""
    notify: Callable[[], None]
    """Start a round of alerts in the background."""
    start: Callable[[str, Coroutine[Any, Any, None]], object]
    """Start other work in the background."""
    source: SourceDescription

    @property
    def sample(self) -> bool:
        return self.source.is_sample
