"""The CSV beside the admins' mail: one row for each team and each unmapped account."""

import csv
import io
from decimal import Decimal

from services.model import AdminReport
from services.wording import moved, one_decimal, percent_moved, plain_money, safe_cell

COLUMNS = (
    *("team_name", "aws_account_id", "current", "previous", "change", "change_percent"),
    *("currency", "from", "to", "above_threshold"),
)


def admin_csv(report: AdminReport) -> bytes:
    """RFC 4180 with a byte order mark, so that spreadsheets read it as UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    first, last = report.window.current.first, report.window.current.last
    tail = [report.currency, first.isoformat(), last.isoformat()]
    for line in report.teams:
        share = percent_moved(line.current, line.previous)
        percent = "" if share is None else f"{one_decimal(share)}"
        amounts = _amounts(line.current, line.previous)
        above = "yes" if line.above_threshold else "no"
        account = safe_cell(line.aws_account_id)
        writer.writerow([safe_cell(line.team_name), account, *amounts, percent, *tail, above])
    for one in report.unmapped:
        amounts = _amounts(one.current, one.previous)
        name = safe_cell(f"(no team) {one.account_name or ''}".strip())
        writer.writerow([name, safe_cell(one.aws_account_id), *amounts, "", *tail, ""])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")


def _amounts(current: Decimal, previous: Decimal) -> list[str]:
    """Both amounts and their change, which is the difference of what is printed."""
    return [plain_money(one) for one in (current, previous, moved(current, previous))]
