from services.presentation.admin_report import AdminView, admin_view
from services.presentation.anomaly_amounts import (
    account_excess,
    account_words,
    actual_words,
    driver_label,
)
from services.presentation.change_rows import ROUNDING, Row, change_row, remainder
from services.presentation.explanations import driver_words, line_name, move_words, reasons
from services.presentation.hints import hint
from services.presentation.missing_data import arrival_note, no_data_title, no_data_words
from services.presentation.phrases import (
    SAMPLE_NOTICE,
    anomaly_days,
    crossing,
    days_line,
    late_notice,
    period_names,
    unit_words,
    week_line,
    window_line,
)
from services.presentation.team_report import TeamView, team_view

__all__ = [
    "ROUNDING",
    "SAMPLE_NOTICE",
    "AdminView",
    "Row",
    "TeamView",
    "account_excess",
    "account_words",
    "actual_words",
    "admin_view",
    "anomaly_days",
    "arrival_note",
    "change_row",
    "crossing",
    "days_line",
    "driver_label",
    "driver_words",
    "hint",
    "late_notice",
    "line_name",
    "move_words",
    "no_data_title",
    "no_data_words",
    "period_names",
    "reasons",
    "remainder",
    "team_view",
    "unit_words",
    "week_line",
    "window_line",
]
