"""What the handlers of commands and buttons use; put together in ``app.py``."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from bot.files import Files
from bot.people import People
from services.administration.audit_trail import Audit
from services.administration.config import Config
from services.administration.conversations import Conversations
from services.administration.roles import Roles
from services.alerts import Alerts
from services.anomalies.alert_minimums import Floors
from services.anomalies.listing import AnomalyList
from services.anomalies.planned_changes import Plans
from services.anomalies.resolutions import Resolutions
from services.anomalies.what_if import WhatIfs
from services.costs import Costs
from services.costs.history import Histories
from services.domain import Conversation, SourceDescription
from services.operations.health import Health
from services.operations.undo import Changes
from services.ports import PendingImportStore
from services.reports.previews import Previews
from services.runs.requests import Runs
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
    previews: Previews
    histories: Histories
    what_ifs: WhatIfs
    plans: Plans
    floors: Floors
    anomalies: AnomalyList
    resolutions: Resolutions
    alerts: Alerts
    runs: Runs
    costs: Costs
    audit: Audit
    changes: Changes
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
