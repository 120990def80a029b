"""The CSV attached to the admins' email: a row for each team and each unmapped account."""

import csv
import io
from decimal import Decimal

from services.domain import AdminReport
from services.domain.formatting import moved, one_decimal, percent_moved, plain_money, safe_cell

COLUMNS = (
    *("team_name", "aws_account_id", "current", "previous", "change", "change_percent"),
    *("currency", "from", "to", "above_threshold"),
)


def admin_csv(report: AdminReport) -> bytes:
    """Write RFC 4180 in UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    first, last = report.window.current.first, report.window.current.last
    period = [report.currency, first.isoformat(), last.isoformat()]
    for line in report.teams:
        change = percent_moved(line.current, line.previous)
        percent = "" if change is None else f"{one_decimal(change)}"
        amounts = _amounts(line.current, line.previous)
        above = "yes" if line.above_threshold else "no"
        account = safe_cell(line.aws_account_id)
        writer.writerow([safe_cell(line.team_name), account, *amounts, percent, *period, above])
    for unmapped in report.unmapped:
        amounts = _amounts(unmapped.current, unmapped.previous)
        name = safe_cell(f"(no team) {unmapped.account_name or ''}".strip())
        writer.writerow([name, safe_cell(unmapped.aws_account_id), *amounts, "", *period, ""])
    # With a byte order mark, without which Excel reads the bytes in the system's code page.
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")


def _amounts(current: Decimal, previous: Decimal) -> list[str]:
    """Both amounts, and the difference of the printed amounts."""
    return [plain_money(amount) for amount in (current, previous, moved(current, previous))]
