"""Who sent a request, as the guard established it."""

from dataclasses import dataclass

from aiohttp import web

from services.domain import SCOPES, Actor, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller whose request was admitted."""

    name: str
    """For the audit trail and the log."""
    id: str
    scopes: tuple[Scope, ...]

    @property
    def actor(self) -> Actor:
        return Actor(interface="rest", name=self.name)


LOCAL = Caller("local", "local", SCOPES)
"""Any process on this machine, in local mode."""
ANYBODY = Caller("anybody", "anybody", ())
"""For endpoints that need no key."""

CALLER = web.RequestKey("caller", Caller)
REQUEST_ID = web.RequestKey("request_id", str)
