"""The use cases that commands work with, wired by the composition root."""

from dataclasses import dataclass

from services.api_keys import ApiKeys
from services.backtests import Backtests
from services.check import Check
from services.model import SourceName
from services.planning import Planner
from services.ports import Clock
from services.privacy import Privacy
from services.restoring import Restoring
from services.runs import Runs
from services.sending import Sender
from services.teams import Teams
from services.transports import Transports
from services.worker import Worker


@dataclass(frozen=True, slots=True)
class Wired:
    """What a command may use."""

    source: SourceName
    teams: Teams
    runs: Runs
    planner: Planner
    worker: Worker
    sender: Sender
    transports: Transports
    check: Check
    api_keys: ApiKeys
    privacy: Privacy
    restoring: Restoring
    backtests: Backtests
    clock: Clock
    outbox_folder: str
