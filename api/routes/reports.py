"""Previews of reports."""

from aiohttp import web

from api.endpoints import HTML_TYPE, Call, Endpoints, prefers_html
from api.pages import EMAIL_POLICY, html_response
from api.responses.reports import AdminPreviewResponse, PreviewResponse
from services.reports import Preview

endpoints = Endpoints("Reports")
HTML = {HTML_TYPE: {"type": "string"}}


@endpoints(
    "get",
    "/api/preview/team-report/{id}",
    PreviewResponse,
    problem_statuses=(502,),
    other_media_types=HTML,
)
async def preview_team(call: Call) -> PreviewResponse | web.StreamResponse:
    """A team's report as it would be sent now. Nothing is sent or stored; with
    ``Accept: text/html`` it is the email itself.
    """
    preview = await call.services.app.reports.previews.preview_team(call.id, call.now)
    return _html(call, preview) or PreviewResponse.model_validate(preview.json)


@endpoints(
    "get",
    "/api/preview/admin-report",
    AdminPreviewResponse,
    problem_statuses=(404, 502),
    other_media_types=HTML,
)
async def preview_admin(call: Call) -> AdminPreviewResponse | web.StreamResponse:
    """The consolidated report as it would be sent now. Nothing is sent or stored; with
    ``Accept: text/html`` it is the email itself. Without teams there is none (404).
    """
    preview = await call.services.app.reports.previews.preview_admin(call.now)
    return _html(call, preview) or AdminPreviewResponse.model_validate(preview.json)


def _html(call: Call, preview: Preview) -> web.StreamResponse | None:
    return html_response(preview.html, EMAIL_POLICY) if prefers_html(call.request) else None
