"""Local mode: as long as nothing else protects REST, only this machine is answered.

A foreign Host (DNS rebinding), a forwarded request (a proxy in front) and a change asked for by
another web site are refused, as each could carry somebody else's wish to this machine.
"""

from urllib.parse import urlsplit

from aiohttp import web

from api.problems import Handler, problem
from services.settings import is_loopback

GUARDED_ELSEWHERE = web.AppKey("guarded_elsewhere", tuple[str, ...])
"""Paths whose own door checks who asks."""

FORWARDED = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OWN_SITES = {"same-origin", "none"}
BANNER = "Local mode: only this machine is answered, as no API key exists."


@web.middleware
async def local_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets requests of this machine through; 403 for all others.

    Paths in ``GUARDED_ELSEWHERE`` authenticate by themselves.
    """
    if request.path in request.app.get(GUARDED_ELSEWHERE, ()):
        return await handler(request)
    reason = _refusal(request)
    if reason is not None:
        return problem(403, "Forbidden", f"{reason} {BANNER}", "")
    return await handler(request)


def _refusal(request: web.Request) -> str | None:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if peer and not is_loopback(str(peer[0]).removeprefix("::ffff:")):
        return "The request comes from another machine."
    if any(header in request.headers for header in FORWARDED):
        return "The request was forwarded by a proxy."
    if not _is_here(f"//{request.headers.get('Host', '')}"):
        return "The Host is not this machine."
    if request.method not in SAFE_METHODS and _is_cross_site(request):
        return "The request comes from another web site."
    return None


def _is_cross_site(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    if origin is not None and not _is_here(origin):
        return True
    return request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return False
    return host is not None and is_loopback(host)
