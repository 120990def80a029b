"""The use cases that commands work with, wired by the composition root."""

from dataclasses import dataclass

from services.administration.api_keys import ApiKeys
from services.anomalies.backtest import Backtester
from services.domain import SourceName
from services.mailing.sender import Sender
from services.mailing.transports import Transports
from services.operations.after_restore import AfterRestore
from services.operations.diagnostics import Diagnostics
from services.operations.erasure import Erasure
from services.ports import Clock
from services.runs.planner import Planner
from services.runs.requests import RunRequests
from services.runs.worker import Worker
from services.teams.teams import Teams


@dataclass(frozen=True, slots=True)
class Wired:
    """What a command may use."""

    source: SourceName
    teams: Teams
    runs: RunRequests
    planner: Planner
    worker: Worker
    sender: Sender
    transports: Transports
    check: Diagnostics
    api_keys: ApiKeys
    privacy: Erasure
    restoring: AfterRestore
    backtests: Backtester
    clock: Clock
    outbox_folder: str
