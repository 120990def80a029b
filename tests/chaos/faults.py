"""Servers that misbehave at random, each with a chance of its own."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.servers.datadog import FakeDatadog, cut_off, once
from tests.servers.smtp import Faults
from tests.servers.teams import Fault, TeamsSim


@dataclass(frozen=True)
class Odds:
    """How often what goes wrong, of one."""

    later: float = 0.10
    """A 451 for a mail."""
    dropped: float = 0.05
    """A mail is taken, and the connection ends before the answer."""
    hung: float = 0.03
    """A mail server that says nothing any more, somewhere in a mail."""
    throttled: float = 0.15
    """A 429 of Teams."""
    broken: float = 0.10
    """A 5xx of Teams."""
    unheard: float = 0.05
    """Teams shows a card, and the connection ends before the answer."""
    datadog: float = 0.25
    """A 429 or a cut-off answer of Datadog."""


PLACES = ("rcpt", "data", "body", "unaccepted", "accepted")


class Chances(dict[str, Any]):
    """Stands in for a plan of faults by recipient: asked for anybody, it draws."""

    def __init__(self, chance: random.Random, odds: float, fault: Any) -> None:
        super().__init__()
        self._chance = chance
        self._odds = odds
        self._fault = fault
        self._drawn: Any = None

    def get(self, key: object, default: Any = None) -> Any:
        if self._chance.random() >= self._odds:
            return default
        self._drawn = self._fault(self._chance)
        return self._drawn

    def __getitem__(self, key: str) -> Any:
        return self._drawn

    def __setitem__(self, key: str, value: object) -> None:
        """A plan that is used up is drawn anew."""


def smtp_faults(chance: random.Random, odds: Odds) -> Faults:
    """451 at one of three places, a drop after a mail was taken, silence anywhere."""
    reply = ["451 4.3.0 try again later"]
    return Faults(
        greylist=Chances(chance, odds.later / 3, lambda _: 1),
        data_reply=Chances(chance, odds.later / 3, lambda _: list(reply)),
        final_reply=Chances(chance, odds.later / 3, lambda _: list(reply)),
        # Each place of a mail asks once; only the place that is drawn is a hit.
        drop_at=Chances(chance, odds.dropped, lambda _: ["accepted"]),
        hang_at=Chances(chance, odds.hung, lambda chance: [chance.choice(PLACES)]),
    )


class ChaoticTeams(TeamsSim):
    """Teams that throttles, breaks and hangs up; what it refuses it has not shown."""

    def __init__(self, chance: random.Random, odds: Odds) -> None:
        super().__init__()
        self._chance = chance
        self._odds = odds

    def _fault(self, request: web.Request) -> Fault | None:
        odds, drawn = self._odds, self._chance.random()
        if drawn < odds.throttled:
            return Fault(429, {"Retry-After": "0"})
        if drawn < odds.throttled + odds.broken:
            return Fault(self._chance.choice((502, 503, 504)), {"Retry-After": "0"}, "Busy")
        if drawn < odds.throttled + odds.broken + odds.unheard:
            return Fault(drop=True, shown=True)
        return None


def trouble_datadog(server: FakeDatadog, chance: random.Random, odds: Odds) -> None:
    """Each query may be throttled or cut off."""
    answers: Iterator[Any] = iter(
        lambda: chance.choice((once(429, headers={"X-RateLimit-Reset": "0.1"}), cut_off)), None
    )

    def fault(request: web.Request, query: str) -> web.Response | None:
        if chance.random() >= odds.datadog:
            return None
        server.faults.append(fault)  # the server uses up a fault that answers
        answer: web.Response = next(answers)(request, query)
        return answer

    server.faults.append(fault)
