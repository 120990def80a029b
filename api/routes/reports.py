"""Reports as they would be sent now."""

from aiohttp import web

from api import answers
from api.endpoints import HTML_TYPE, Call, Endpoints, wants_html
from api.pages import MAIL_POLICY, html_response
from services.reports.previews import Preview

endpoints = Endpoints("Reports")
PAGE = {HTML_TYPE: {"type": "string"}}


@endpoints(
    "get",
    "/api/preview/team-report/{id}",
    answers.PreviewAnswer,
    problems=(502,),
    other_types=PAGE,
)
async def preview_team(call: Call) -> answers.PreviewAnswer | web.StreamResponse:
    """A team's report as it would be sent now. Nothing is sent or stored; with
    ``Accept: text/html`` it is the mail itself.
    """
    preview = await call.services.previews.preview_team(call.id, call.now)
    return _page(call, preview) or answers.PreviewAnswer.model_validate(preview.json)


@endpoints(
    "get",
    "/api/preview/admin-report",
    answers.AdminPreviewAnswer,
    problems=(404, 502),
    other_types=PAGE,
)
async def preview_admin(call: Call) -> answers.AdminPreviewAnswer | web.StreamResponse:
    """The consolidated report as it would be sent now. Nothing is sent or stored; with
    ``Accept: text/html`` it is the mail itself. Without any team there is none (404).
    """
    preview = await call.services.previews.preview_admin(call.now)
    return _page(call, preview) or answers.AdminPreviewAnswer.model_validate(preview.json)


def _page(call: Call, preview: Preview) -> web.StreamResponse | None:
    return html_response(preview.html, MAIL_POLICY) if wants_html(call.request) else None
