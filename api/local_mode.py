"""Local mode: while no key protects an interface, it serves only this machine.

Refused are a foreign Host header (DNS rebinding), a forwarded request (a proxy in front), and a
change requested by another website: each could bring somebody else's wishes to this machine.
"""

from urllib.parse import urlsplit

from aiohttp import web

from services.domain.addresses import is_loopback

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
BANNER = "Local mode: only requests from this machine are answered, as no API key exists."
FOREIGN_HOST = "The Host header does not name this machine."


def refusal(request: web.Request) -> str | None:
    """Why local mode refuses the request; None when it does not."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if peer and not is_loopback(str(peer[0]).removeprefix("::ffff:")):
        return "The request comes from another machine."
    names = {name.lower() for name in request.headers}
    if names & FORWARDING_HEADERS or any(name.startswith(FORWARDING_PREFIX) for name in names):
        return "The request was forwarded by a proxy."
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not _is_local_address(f"//{hosts[0]}"):
        return FOREIGN_HOST
    # A request line with an absolute URL, as sent to a proxy, may name yet another host.
    if request.host != hosts[0] and not is_loopback(request.host):
        return FOREIGN_HOST
    if request.method not in SAFE_METHODS and _is_cross_site(request):
        return "The request comes from another website."
    return None


def _is_cross_site(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    if origin is not None and not _is_local_address(origin):
        return True
    return request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES


def _is_local_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return host is not None and parts.username is None and is_loopback(host)
