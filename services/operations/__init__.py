"""Operations: what the people who run the agent need."""

from dataclasses import dataclass

from services.administration import Administration
from services.anomalies import CHANGE_MINIMUM, Anomalies
from services.mailing import Mailing
from services.operations.after_restore import AfterRestore
from services.operations.checkup import Checkup, Finding
from services.operations.diagnostics import Diagnostics
from services.operations.erasure import Erasure, PersonalData
from services.operations.health import Health
from services.operations.metrics_snapshot import MetricsReader
from services.operations.undo import Undo
from services.ports import AccessTokens, CapturedMails, CostSource, Folder, Store, Ticking
from services.runtime.context import Context
from services.teams import Teams
from services.teams import undos as team_undos

__all__ = [
    "Checkup",
    "Finding",
    "Operations",
    "PersonalData",
    "Surroundings",
    "build",
]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The agent's surroundings that are checked in addition to MongoDB and email."""

    source: CostSource
    outbox: CapturedMails
    ticker: Ticking
    folder: Folder
    bot_tokens: AccessTokens | None
    """None in local mode."""
    app_id: str | None
    embedded_mongodb: bool


@dataclass(frozen=True, slots=True)
class Operations:
    """The face of the package."""

    diagnostics: Diagnostics
    health: Health
    metrics: MetricsReader
    erasure: Erasure
    after_restore: AfterRestore
    undo: Undo


def build(
    store: Store,
    around: Surroundings,
    administration: Administration,
    teams: Teams,
    anomalies: Anomalies,
    mailing: Mailing,
    context: Context,
) -> Operations:
    """Build the face."""
    config, audit_trail = administration.config, administration.audit_trail
    health = Health(store, around.ticker, since=context.clock())
    return Operations(
        diagnostics=_diagnostics(store, around, mailing, context),
        health=health,
        metrics=_metrics(store, health, teams, context),
        erasure=Erasure(
            traces=store.erasure,
            teams=store.teams,
            config=config,
            roles=administration.roles,
            runs=store.runs,
            outbox=around.outbox,
            audit=audit_trail,
        ),
        after_restore=AfterRestore(store.restored, store.config, audit_trail),
        undo=Undo(
            audit_trail,
            {
                **team_undos(teams),
                "config.change": config.undo,
                CHANGE_MINIMUM: anomalies.alert_minimums.undo,
            },
        ),
    )


def _diagnostics(
    store: Store, around: Surroundings, mailing: Mailing, context: Context
) -> Diagnostics:
    return Diagnostics(
        store=store,
        costs=around.source,
        transports=mailing.transports,
        app_id=around.app_id,
        bot_tokens=around.bot_tokens,
        folder=around.folder,
        embedded=around.embedded_mongodb,
        pacing=context.pacing,
    )


def _metrics(store: Store, health: Health, teams: Teams, context: Context) -> MetricsReader:
    return MetricsReader(
        health=health,
        runs=store.runs,
        deliveries=store.deliveries,
        costs=store.costs,
        anomalies=store.anomalies,
        teams=teams,
        context=context,
    )
