"""The REST endpoints, one module for each part: check, call the use case, answer."""

from api.endpoints import Endpoint
from api.routes import anomalies, costs, general, reports, runs, settings, teams

ENDPOINTS: tuple[Endpoint, ...] = (
    *general.endpoints.all,
    *teams.endpoints.all,
    *settings.endpoints.all,
    *costs.endpoints.all,
    *anomalies.endpoints.all,
    *reports.endpoints.all,
    *runs.endpoints.all,
)
