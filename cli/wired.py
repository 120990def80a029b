"""The use cases of the command line, handed over by the composition root."""

from dataclasses import dataclass

from services.administration.api_keys import ApiKeys
from services.anomalies.backtest import Backtester
from services.application import Application
from services.domain import SourceDescription
from services.mailing.sender import Sender
from services.mailing.transports import Transports
from services.operations.after_restore import AfterRestore
from services.operations.diagnostics import Diagnostics
from services.operations.erasure import Erasure
from services.ports import Clock
from services.runs.planner import Planner
from services.runs.requests import RunRequests
from services.runs.worker import Worker
from services.teams import Teams


@dataclass(frozen=True, slots=True)
class Wired:
    """The use cases that a command may call."""

    app: Application
    outbox_folder: str

    @property
    def source(self) -> SourceDescription:
        return self.app.context.source

    @property
    def teams(self) -> Teams:
        return self.app.teams

    @property
    def runs(self) -> RunRequests:
        return self.app.runs.requests

    @property
    def planner(self) -> Planner:
        return self.app.runs.planner

    @property
    def worker(self) -> Worker:
        return self.app.runs.worker

    @property
    def sender(self) -> Sender:
        return self.app.mailing.sender

    @property
    def transports(self) -> Transports:
        return self.app.mailing.transports

    @property
    def check(self) -> Diagnostics:
        return self.app.operations.diagnostics

    @property
    def api_keys(self) -> ApiKeys:
        return self.app.administration.api_keys

    @property
    def privacy(self) -> Erasure:
        return self.app.operations.erasure

    @property
    def restoring(self) -> AfterRestore:
        return self.app.operations.after_restore

    @property
    def backtests(self) -> Backtester:
        return self.app.anomalies.backtester

    @property
    def clock(self) -> Clock:
        return self.app.context.clock
