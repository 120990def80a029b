"""Reports: what a team and the admins learn about a period."""

from dataclasses import dataclass

from services.administration import Administration
from services.anomalies import Anomalies
from services.costs import Costs
from services.ports import Store
from services.reports.admin import AdminReportBuilder, run_summary
from services.reports.basis import Basis
from services.reports.builder import ReportBuilder
from services.reports.delivery_recap import delivery_recap
from services.reports.previews import Preview, ReportPreviewer
from services.reports.recipients import Recipients, admin_recipients, team_recipients
from services.reports.restatements import Restatements
from services.reports.threshold_records import ThresholdRecorder
from services.runtime.context import Context
from services.teams import Teams

__all__ = [
    "AdminReportBuilder",
    "Basis",
    "Preview",
    "Recipients",
    "ReportBuilder",
    "Reports",
    "ThresholdRecorder",
    "admin_recipients",
    "build",
    "delivery_recap",
    "run_summary",
    "team_recipients",
]


@dataclass(frozen=True, slots=True)
class Reports:
    """The face of the package."""

    builder: ReportBuilder
    restatements: Restatements
    previews: ReportPreviewer


def build(
    store: Store,
    administration: Administration,
    teams: Teams,
    costs: Costs,
    anomalies: Anomalies,
    complete_after_hours: int,
    *,
    app_id: str | None,
    context: Context,
) -> Reports:
    """Build the face; ``app_id``: the bot's, to which emails have links; None in local mode."""
    builder = ReportBuilder(
        costs=store.costs,
        teams=teams,
        anomalies=store.anomalies,
        planned_changes=anomalies.planned_changes,
        alert_minimums=store.alert_minimums,
        source=context.source,
        complete_after_hours=complete_after_hours,
        app_id=app_id,
    )
    restatements = Restatements(store.runs, store.costs)
    previews = ReportPreviewer(
        reports=builder,
        costs=costs.ingest,
        teams=teams,
        config=administration.config,
        restatements=restatements,
        runs=store.runs,
        ledger=store.deliveries,
        source=context.source.name,
    )
    return Reports(builder=builder, restatements=restatements, previews=previews)
