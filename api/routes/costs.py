"""Daily costs."""

from api import answers, cursors
from api.endpoints import Call, Endpoints, Reply
from api.inputs import HistoryQuery
from api.paging import page
from services.domain import CostRow
from services.domain.errors import InvalidError

endpoints = Endpoints("Costs")
CURSOR = "costs"


@endpoints(
    "get",
    "/api/costs/history",
    list[answers.CostRowAnswer],
    query=HistoryQuery,
    problems=(404, 502),
    paged=True,
)
async def cost_history(call: Call) -> Reply:
    """Costs of complete days by team and day, newest day first, then by account id."""
    query = call.query
    if query.first is not None and query.last is not None and query.first > query.last:
        wrong = [("from", "is later than to"), ("to", "is earlier than from")]
        raise InvalidError("The query is wrong: from is later than to.", wrong)
    rows = await call.services.cost_rows.page(
        call.now,
        team_id=query.team_id,
        first=query.first,
        last=query.last,
        after=cursors.day_place(CURSOR, query.cursor),
        limit=query.limit + 1,
    )
    return page(
        call,
        [_answer(row) for row in rows],
        query.limit,
        lambda n: (CURSOR, rows[n].day.isoformat(), rows[n].aws_account_id),
    )


def _answer(row: CostRow) -> answers.CostRowAnswer:
    return answers.CostRowAnswer(
        team_id=row.team_id,
        aws_account_id=row.aws_account_id,
        date=row.day,
        total=row.total,
        usage=row.usage,
        currency=row.currency,
        services=dict(row.services),
        sample=row.sample,
    )
