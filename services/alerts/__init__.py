"""Alerts: what they say, how they are posted, and the rounds over all conversations."""

from services.administration import Administration
from services.alerts.content import ContentBuilder
from services.alerts.posting import GIVE_UP_AFTER, UNREACHABLE_AFTER, CardPoster
from services.alerts.rounds import AlertRounds
from services.alerts.run_trouble import RunTrouble
from services.anomalies import Anomalies
from services.mailing import Mailing
from services.ports import Notifier, Store
from services.reports import Reports
from services.runtime.context import Context
from services.teams import Teams

__all__ = ["GIVE_UP_AFTER", "UNREACHABLE_AFTER", "AlertRounds", "build"]


def build(
    store: Store,
    notifier: Notifier,
    administration: Administration,
    teams: Teams,
    anomalies: Anomalies,
    mailing: Mailing,
    reports: Reports,
    context: Context,
) -> AlertRounds:
    """Build the face; ``notifier`` posts to Teams."""
    source = context.source.name
    return AlertRounds(
        store=store,
        teams=teams,
        content=ContentBuilder(
            reports.builder, teams, administration.config, anomalies.alert_minimums, source
        ),
        poster=CardPoster(store.alerts, notifier, mailing.notices, context),
        notifier=notifier,
        trouble=RunTrouble(store.runs, store.deliveries, source),
        source=source,
    )
