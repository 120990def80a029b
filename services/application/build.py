"""Builds the packages of services in the order of their layers, each over those below it."""

from dataclasses import dataclass

from services import (
    administration,
    alerts,
    anomalies,
    costs,
    mailing,
    operations,
    reports,
    runs,
    teams,
)
from services.administration import Administration
from services.alerts import AlertRounds
from services.anomalies import Anomalies
from services.application.adapters import Adapters, Options
from services.costs import Costs
from services.mailing import Mailing
from services.operations import Operations
from services.reports import Recipients, Reports
from services.runs import Runs
from services.runtime.context import Context
from services.teams import Teams


@dataclass(frozen=True, slots=True)
class Application:
    """Everything that the product can do, through whichever interface."""

    context: Context
    administration: Administration
    teams: Teams
    costs: Costs
    anomalies: Anomalies
    mailing: Mailing
    reports: Reports
    runs: Runs
    alerts: AlertRounds
    operations: Operations


def build(adapters: Adapters, options: Options, context: Context) -> Application:
    """Build the application of one process."""
    store, hours = adapters.store, options.complete_after_hours
    admin = administration.build(
        store,
        adapters.secrets,
        options.smtp,
        options.admin_ids,
        local=options.app_id is None,
    )
    team = teams.build(store, admin, context)
    cost = costs.build(store, adapters.source, team, hours)
    anomaly = anomalies.build(store, admin, team, cost, hours, context)
    mail = _mailing(adapters, options, admin, context)
    report = reports.build(
        store,
        admin,
        team,
        cost,
        anomaly,
        hours,
        app_id=options.app_id,
        context=context,
    )
    alert = alerts.build(store, adapters.notifier, admin, team, anomaly, mail, report, context)
    use = runs.Capabilities(admin, team, cost, anomaly, mail, report)
    return Application(
        context=context,
        administration=admin,
        teams=team,
        costs=cost,
        anomalies=anomaly,
        mailing=mail,
        reports=report,
        runs=runs.build(store, use, adapters.start, alert.tick, context),
        alerts=alert,
        operations=operations.build(
            store, _surroundings(adapters, options), admin, team, anomaly, mail, context
        ),
    )


def _mailing(
    adapters: Adapters, options: Options, admin: Administration, context: Context
) -> Mailing:
    recipients = Recipients(adapters.store.teams, admin.config, context.clock)
    return mailing.build(
        adapters.store,
        mailing.MailRoutes(
            adapters.mail.outbox, adapters.mail.transports, options.sample_mail_confirmed
        ),
        admin,
        recipients.is_still_recipient,
        mailing.SenderSettings(options.when_unsure),
        context,
    )


def _surroundings(adapters: Adapters, options: Options) -> operations.Surroundings:
    probes = adapters.probes
    return operations.Surroundings(
        source=adapters.source,
        outbox=adapters.mail.outbox,
        ticker=probes.ticker,
        folder=probes.folder,
        bot_tokens=probes.bot_tokens,
        app_id=options.app_id,
        embedded_mongodb=options.embedded_mongodb,
    )
