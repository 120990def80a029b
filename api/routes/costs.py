"""Daily costs."""

from decimal import Decimal

from api import cursors
from api.endpoints import Call, EndpointResponse, Endpoints
from api.paging import page
from api.requests.costs import HistoryQuery
from api.responses.costs import CostRowResponse
from services.domain import CostRow, rounding
from services.domain.errors import InvalidError
from services.presentation import ROUNDING

endpoints = Endpoints("Costs")
CURSOR = "costs"


@endpoints(
    "get",
    "/api/costs/history",
    list[CostRowResponse],
    query=HistoryQuery,
    problem_statuses=(404, 502),
    is_paged=True,
)
async def cost_history(call: Call) -> EndpointResponse:
    """Costs of complete days by team and day, newest day first, then by account ID."""
    query = call.query
    # 422 rather than an empty list, which would look like a day without costs.
    if query.first is not None and query.last is not None and query.first > query.last:
        errors = [("from", "is later than to"), ("to", "is earlier than from")]
        raise InvalidError("The query is invalid: from is later than to.", errors)
    rows = await call.services.app.costs.rows.page(
        call.now,
        team_id=query.team_id,
        first=query.first,
        last=query.last,
        after=cursors.decode_day(CURSOR, query.cursor),
        limit=query.limit + 1,
    )
    return page(
        call,
        [_response(row) for row in rows],
        query.limit,
        lambda n: (CURSOR, rows[n].day.isoformat(), rows[n].aws_account_id),
    )


def _response(row: CostRow) -> CostRowResponse:
    """A row whose services add up to its total as printed."""
    services = dict(row.services)
    if rest := rounding(row.total, services.values()):
        services[ROUNDING] = services.get(ROUNDING, Decimal(0)) + rest
    return CostRowResponse(
        team_id=row.team_id,
        aws_account_id=row.aws_account_id,
        date=row.day,
        total=row.total,
        usage=row.usage,
        currency=row.currency,
        metric=row.metric,
        services=services,
        sample=row.sample,
    )
