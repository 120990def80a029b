"""Local mode: without an app ID and without a key, the interfaces serve only this machine.

It refuses a foreign Host header (DNS rebinding), a forwarded request (a proxy in front), and a
change requested by another website: each could come from somebody outside this machine. A proxy
can hide that it forwarded a request, so a machine that the Internet reaches (one with an app ID:
Teams must reach it) is never in local mode.
"""

from aiohttp import HttpVersion11, web

from services.domain.addresses import is_loopback, is_loopback_authority

FORWARDING_HEADERS = {
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-original-host",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
}
FORWARDING_PREFIX = "x-forwarded"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OWN_SITES = {"same-origin", "none"}
ONLY_THIS_MACHINE = "Local mode: only requests from this machine are answered."
BANNER = (
    "Local mode: only requests from this machine are answered, as there is neither an app ID nor "
    "an API key."
)
FOREIGN_HOST = "The Host header does not name this machine."


def refusal(request: web.Request) -> str | None:
    """Why local mode refuses the request; None when it does not."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if peer and not is_loopback(str(peer[0]).removeprefix("::ffff:")):
        return "The request comes from another machine."
    if _is_forwarded(request):
        return "The request was forwarded by a proxy."
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not is_loopback_authority(hosts[0]):
        return FOREIGN_HOST
    # A request line with an absolute URL, as sent to a proxy, may name yet another host.
    if request.host != hosts[0] and not is_loopback(request.host):
        return FOREIGN_HOST
    if request.method not in SAFE_METHODS and _is_cross_site(request):
        return "The request comes from another website."
    return None


def _is_forwarded(request: web.Request) -> bool:
    # nginx's plain `proxy_pass` names this machine as the Host and adds no header; until 1.29.7 it
    # speaks HTTP/1.0, which no browser and no HTTP library of today does.
    if request.version < HttpVersion11:
        return True
    names = {name.lower() for name in request.headers}
    return bool(names & FORWARDING_HEADERS) or any(
        name.startswith(FORWARDING_PREFIX) for name in names
    )


def _is_cross_site(request: web.Request) -> bool:
    # Another port of this machine is another website too. Older browsers say so in Origin alone.
    own = f"http://{request.headers['Host']}".lower()
    if any(origin.lower() != own for origin in request.headers.getall("Origin", [])):
        return True
    return request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES
