"""The REST endpoints, a module per noun: each calls a use case and builds the response."""

from api.endpoints import RestEndpoint
from api.routes import anomalies, costs, documents, general, reports, runs, settings, teams

ENDPOINTS: tuple[RestEndpoint, ...] = (
    *general.endpoints.all,
    *teams.endpoints.all,
    *settings.endpoints.all,
    *costs.endpoints.all,
    *anomalies.endpoints.all,
    *reports.endpoints.all,
    *runs.endpoints.all,
    *documents.endpoints.all,
)
