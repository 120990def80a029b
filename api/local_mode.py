"""Local mode: as long as nothing else protects a door, only this machine is answered.

A foreign Host (DNS rebinding), a forwarded request (a proxy in front) and a change asked for by
another web site are refused, as each could carry somebody else's wish to this machine.
"""

from urllib.parse import urlsplit

from aiohttp import web

from services.domain.addresses import is_loopback

FORWARDED = {
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
FORWARDED_PREFIX = "x-forwarded"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OWN_SITES = {"same-origin", "none"}
BANNER = "Local mode: only this machine is answered, as no API key exists."
ALWAYS = "Local mode: only this machine is answered."


def refusal(request: web.Request) -> str | None:
    """Why local mode does not answer a request; None when it does."""
    peer = request.transport.get_extra_info("peername") if request.transport else None
    if peer and not is_loopback(str(peer[0]).removeprefix("::ffff:")):
        return "The request comes from another machine."
    names = {name.lower() for name in request.headers}
    if names & FORWARDED or any(name.startswith(FORWARDED_PREFIX) for name in names):
        return "The request was forwarded by a proxy."
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not _is_here(f"//{hosts[0]}"):
        return "The Host is not this machine."
    if request.host != hosts[0] and not is_loopback(request.host):
        return (
            "The Host is not this machine."  # asked as a proxy is, for another machine's address
        )
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
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return host is not None and parts.username is None and is_loopback(host)
