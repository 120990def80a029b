"""The CSV beside the admins' mail: one row for each team and each unmapped account."""

import csv
import io

from services.model import AdminReport
from services.wording import one_decimal, plain_money, safe_cell

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
        percent = "" if line.change_percent is None else f"{one_decimal(line.change_percent)}"
        amounts = [
            plain_money(a) for a in (line.current, line.previous, line.current - line.previous)
        ]
        above = "yes" if line.above_threshold else "no"
        account = safe_cell(line.aws_account_id)
        writer.writerow([safe_cell(line.team_name), account, *amounts, percent, *tail, above])
    for one in report.unmapped:
        amounts = [plain_money(a) for a in (one.current, one.previous, one.current - one.previous)]
        name = safe_cell(f"(no team) {one.account_name or ''}".strip())
        writer.writerow([name, safe_cell(one.aws_account_id), *amounts, "", *tail, ""])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")
