"""Interactive API documentation: Swagger UI, served without any request to another host."""

from importlib.resources import files
from pathlib import Path

from aiohttp import web

from api.pages import html_response
from services.domain.errors import NotFoundError

routes = web.RouteTableDef()

SWAGGER_UI = "vendor/swagger-ui-5.31.0"
"""The folder inside the package swagger_ui_bundle; it changes with the pinned version."""
CONTENT_TYPES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
"""The files that the page needs. Nothing else of the package is served."""
INITIALIZER = "initializer.js"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Scripts and styles only from files. Swagger UI's style sheet has its icons as data: URLs."""
PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>AWS Cost Agent API</title>
<link rel="icon" href="/api/docs/favicon-32x32.png">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/{INITIALIZER}"></script>
</body>
</html>
"""


def docs_page() -> web.Response:
    """The page that loads Swagger UI."""
    return html_response(PAGE, POLICY)


@routes.get("/api/docs/{name}")
async def docs_asset(request: web.Request) -> web.StreamResponse:
    """One of the page's own files."""
    name = request.match_info["name"]
    if name == INITIALIZER:
        return _file(Path(__file__).with_name("swagger_ui.js"), "text/javascript")
    # The name is looked up, never joined unseen, so that no path can lead out of the folder.
    if name not in CONTENT_TYPES:
        raise NotFoundError("The API documentation has no such file.")
    return _file(Path(str(files("swagger_ui_bundle"))) / SWAGGER_UI / name, CONTENT_TYPES[name])


def _file(path: Path, content_type: str) -> web.FileResponse:
    return web.FileResponse(path, headers={"Content-Type": content_type})
