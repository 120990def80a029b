"""What the handlers of commands and buttons use; put together in ``app.py``."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from bot.files import Files
from bot.people import People
from services.alerts import Alerts
from services.anomaly_list import AnomalyList
from services.audit import Audit
from services.changes import Changes
from services.config import Config
from services.conversations import Conversations
from services.costs import Costs
from services.floors import Floors
from services.health import Health
from services.histories import Histories
from services.model import Conversation, SourceDescription
from services.plans import Plans
from services.ports import PendingImportStore
from services.previews import Previews
from services.resolutions import Resolutions
from services.roles import Roles
from services.runs import Runs
from services.teams import Teams
from services.what_if import WhatIfs


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
