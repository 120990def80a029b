"""The admins' report, added up account by account so that memory stays flat."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from services.analysis.suppression import is_above_threshold
from services.analysis.totals import Totals
from services.domain import (
    SAMPLE,
    AccountFigures,
    AdminReport,
    Anomaly,
    AnomalyLine,
    ComparedAccount,
    DataState,
    DeliveryRecap,
    LateAccount,
    MissingData,
    Restatement,
    RunSummary,
    SilentTeam,
    SourceState,
    TeamLine,
    TeamReport,
    UnmappedAccount,
)
from services.reports.basis import AdminOutlook, Basis


class AdminReportBuilder:
    """Adds up the admins' report."""

    def __init__(self, basis: Basis, names: Mapping[str, str | None]) -> None:
        self._basis = basis
        self._names = names
        self._totals = Totals()
        self._not_missing = Totals()
        self._missing: list[AccountFigures] = []
        self._compared: list[ComparedAccount] = []
        self._late: list[LateAccount] = []
        self._teams: list[TeamLine] = []
        self._silent: list[SilentTeam] = []
        self._unmapped: list[UnmappedAccount] = []
        self._anomalies: list[AnomalyLine] = []
        self._restated: list[tuple[str, Restatement]] = []

    def add_team(self, report: TeamReport) -> None:
        """Add a team's account."""
        team, figures = report.team, report.figures
        self._add(team.aws_account_id, team.team_name, figures)
        self._teams.append(
            TeamLine(
                id=team.id,
                team_name=team.team_name,
                aws_account_id=team.aws_account_id,
                current=figures.current_total,
                previous=figures.previous_total,
                is_new_spend=figures.is_new_spend,
                above_threshold=figures.breach is not None,
                state=figures.state,
                last_day=figures.last_day,
                week_rise=figures.week is not None and figures.week.is_large_rise,
                learning=bool(report.learning),
            )
        )
        if report.restatement is not None:
            self._restated.append((team.team_name, report.restatement))
        if figures.silent:
            self._silent.append(
                SilentTeam(
                    id=team.id,
                    team_name=team.team_name,
                    aws_account_id=team.aws_account_id,
                    last_day=figures.last_day,
                    spent=figures.spent,
                )
            )
        self._anomalies += [
            AnomalyLine(
                team_name=team.team_name,
                anomaly=anomaly,
                above_threshold=is_above_threshold(anomaly, figures),
            )
            for anomaly in report.anomalies
        ]

    def add_unmapped(
        self, account: str, figures: AccountFigures, anomalies: Sequence[Anomaly] = ()
    ) -> None:
        """Add an account without a team; one without costs in the window is left out."""
        is_left_out = figures.state is DataState.LEFT_OUT
        if not figures.current_total and not figures.previous_total and not is_left_out:
            return
        self._add(account, self._names.get(account) or account, figures)
        name = f"{self._names.get(account) or account}, no team"
        self._anomalies += [
            AnomalyLine(
                team_name=name,
                anomaly=anomaly,
                above_threshold=is_above_threshold(anomaly, figures),
            )
            for anomaly in anomalies
        ]
        self._unmapped.append(
            UnmappedAccount(
                aws_account_id=account,
                account_name=self._names.get(account),
                current=figures.current_total,
                previous=figures.previous_total,
                is_new_spend=figures.is_new_spend,
                state=figures.state,
                last_day=figures.last_day,
            )
        )

    def _add(self, account: str, name: str, figures: AccountFigures) -> None:
        """Add an account to the totals, and note what is missing of it."""
        self._totals.add(figures)
        if figures.silent and figures.current_total < figures.previous_total:
            self._missing.append(figures)
        else:
            self._not_missing.add(figures)
        is_left_out = figures.state is DataState.LEFT_OUT
        self._compared.append(compared_account(account, figures))
        if figures.last_day and (is_left_out or figures.window != self._basis.window):
            self._late.append(
                LateAccount(
                    aws_account_id=account,
                    name=name,
                    last_day=figures.last_day,
                    left_out=is_left_out,
                )
            )

    def _missing_data(self) -> MissingData | None:
        if not self._missing:
            return None
        return MissingData(
            accounts=len(self._missing),
            current=sum((figures.current_total for figures in self._missing), Decimal(0)),
            previous=sum((figures.previous_total for figures in self._missing), Decimal(0)),
            other_explanation=self._not_missing.explanation,
        )

    def build(
        self, deliveries: DeliveryRecap | None, outlook: AdminOutlook | None = None
    ) -> AdminReport:
        """The report, largest changes first."""
        basis, totals, outlook = self._basis, self._totals, outlook or AdminOutlook()
        return AdminReport(
            window=basis.window,
            data_through=basis.data_through,
            expected_through=basis.expected_through,
            currency=basis.state.currency,
            metric=basis.metric,
            accounts=len(self._teams) + len(self._unmapped),
            current_total=totals.current_total,
            previous_total=totals.previous_total,
            usage_current=totals.usage_current,
            usage_previous=totals.usage_previous,
            threshold=basis.config.anomaly_threshold,
            categories=totals.categories,
            services=totals.services,
            explanation=totals.explanation,
            moves=totals.moves,
            month_to_date=outlook.month_to_date,
            forecast=outlook.forecast,
            forecast_record=outlook.forecast_record,
            alert_record=outlook.alert_record,
            has_detected=basis.state.has_detected,
            teams=tuple(
                sorted(
                    self._teams,
                    key=lambda line: (-abs(line.current - line.previous), line.team_name),
                )
            ),
            compared=tuple(sorted(self._compared, key=lambda line: line.aws_account_id)),
            late=tuple(sorted(self._late, key=lambda line: line.name.casefold())),
            missing=self._missing_data(),
            unmapped=tuple(sorted(self._unmapped, key=lambda line: -abs(line.current))),
            silent=tuple(sorted(self._silent, key=lambda line: line.team_name.casefold())),
            anomalies=tuple(
                sorted(self._anomalies, key=lambda line: -line.anomaly.excess),
            ),
            restated=tuple(
                sorted(self._restated, key=lambda item: -abs(item[1].now - item[1].reported))
            ),
            deliveries=deliveries,
            notes=_notes(basis.state),
            sample=basis.source == SAMPLE,
            period=basis.period,
            made_at=basis.made_at,
        )


def compared_account(account: str, figures: AccountFigures) -> ComparedAccount:
    """An account as part of a total."""
    return ComparedAccount(
        aws_account_id=account,
        current=figures.current_total,
        previous=figures.previous_total,
        window=None if figures.state is DataState.LEFT_OUT else figures.window,
        state=figures.state,
    )


def run_summary(
    basis: Basis, builder: AdminReportBuilder, teams: int, anomalies: int
) -> RunSummary:
    """The summary that is stored on a run."""
    report = builder.build(None)
    return RunSummary(
        accounts=report.accounts,
        teams=teams,
        currency=report.currency,
        total=report.current_total,
        previous_total=report.previous_total,
        anomalies=anomalies,
        data_through=basis.data_through,
        window=basis.window,
        metric=basis.metric,
    )


def _notes(state: SourceState) -> tuple[str, ...]:
    notes = []
    if state.unknown_categories:
        notes.append(
            f"Unknown charge categories, counted as usage: {', '.join(state.unknown_categories)}."
        )
    if not state.currency_stated:
        notes.append(f"The cost source does not report a currency; {state.currency} is assumed.")
    return tuple(notes)
