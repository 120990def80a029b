"""Who asks, and what the guard found out about it."""

from dataclasses import dataclass

from aiohttp import web

from services.domain import SCOPES, Actor, Scope


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may ask."""

    name: str
    """For the audit trail and the log."""
    id: str
    scopes: tuple[Scope, ...]

    @property
    def actor(self) -> Actor:
        return Actor(door="rest", name=self.name)


LOCAL = Caller("local", "local", SCOPES)
"""Whoever sits at this machine, as long as nothing locks the door."""
ANYBODY = Caller("anybody", "anybody", ())
"""For what needs no key."""

CALLER = web.RequestKey("caller", Caller)
REQUEST_ID = web.RequestKey("request_id", str)
