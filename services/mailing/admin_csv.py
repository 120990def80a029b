"""The CSV attached to the admins' email: a row for each team and each unmapped account.

Its columns of amounts add up to the printed totals: a last row closes what rounding leaves.
"""

import csv
import io
from decimal import Decimal

from services.domain import AdminReport, ComparedAccount
from services.domain.formatting import moved, one_decimal, percent_moved, plain_money, safe_cell
from services.presentation import ROUNDING, arrival_note, remainder

COLUMNS = (
    *("team_name", "aws_account_id", "current", "previous", "change", "change_percent"),
    *("currency", "from", "to", "above_threshold", "data", "metric"),
)


def admin_csv(report: AdminReport) -> bytes:
    """Write RFC 4180 in UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    periods = {account.aws_account_id: _period(report, account) for account in report.compared}
    metric = safe_cell(report.metric)
    for line in report.teams:
        amounts = _amounts(line.current, line.previous)
        above = "yes" if line.above_threshold else "no"
        name, account = safe_cell(line.team_name), safe_cell(line.aws_account_id)
        data = arrival_note(line.state, line.last_day)
        period = periods[line.aws_account_id]
        writer.writerow([name, account, *amounts, *period, above, data, metric])
    for unmapped in report.unmapped:
        amounts = _amounts(unmapped.current, unmapped.previous)
        name = safe_cell(f"(no team) {unmapped.account_name or ''}".strip())
        data = arrival_note(unmapped.state, unmapped.last_day)
        account, period = safe_cell(unmapped.aws_account_id), periods[unmapped.aws_account_id]
        writer.writerow([name, account, *amounts, *period, "", data, metric])
    rest = remainder(
        (report.current_total, report.previous_total),
        ((account.current, account.previous) for account in report.compared),
    )
    if any(rest):
        writer.writerow(
            [ROUNDING, "", *_amounts(*rest)[:-1], "", report.currency, "", "", "", "", metric]
        )
    # With a byte order mark, without which Excel reads the bytes in the system's code page.
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")


def _period(report: AdminReport, account: ComparedAccount) -> list[str]:
    """Currency, first and last day of what is compared; no days for what is left out."""
    if account.window is None:
        return [report.currency, "", ""]
    days = account.window.current
    return [report.currency, days.first.isoformat(), days.last.isoformat()]


def _amounts(current: Decimal, previous: Decimal) -> list[str]:
    """Both amounts, and their change as printed: the difference, and in percent."""
    percent = percent_moved(current, previous)
    amounts = [plain_money(amount) for amount in (current, previous, moved(current, previous))]
    return [*amounts, "" if percent is None else f"{one_decimal(percent)}"]
