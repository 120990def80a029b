"""What the status knows from the look at the start, and until when it holds."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from cards.status import StatusFacts, status_card
from services.domain.errors import AgentError, CostSourceError, MailConnectError
from services.operations import Checkup, Finding
from services.runtime.context import Context
from tests.cards.reading import read
from tests.fakes.application import Fakes
from tests.fakes.costs import FakeCosts
from tests.fakes.mail import MemoryTransport
from tests.fakes.store import MemoryStore
from tests.makers import NOW, later

KEY_REFUSED = "Datadog refused the API key. Check DATADOG_API_KEY."
FACTS = {
    "checked_at": "24 Nov 09:00:00 UTC",
    "source": "Datadog",
    "metric": "",
    "data_through": "not yet",
    "last_run": "none yet",
    "next_run": "none",
    "email": "smtp",
    "teams": 1,
    "anomalies": 0,
    "alerts_to": 0,
    "costs_read": "not read yet",
}


@dataclass
class RefusedCosts(FakeCosts):
    """The key is wrong."""

    problem: AgentError | None = field(
        default_factory=lambda: CostSourceError(KEY_REFUSED, permanent=True)
    )

    async def check(self, now: datetime) -> str:
        if self.problem is not None:
            raise self.problem
        return "works"


def checkup(*, costs_ok: bool = True, email_ok: bool = True) -> Checkup:
    def finding(system: str, *, ok: bool = True) -> Finding:
        return Finding(system, ok=ok, text="works" if ok else f"{system} does not work")

    return Checkup(
        at=NOW,
        mongodb=finding("MongoDB"),
        costs=finding("Datadog", ok=costs_ok),
        email=finding("Email", ok=email_ok),
        teams=finding("Teams"),
        disk=finding("Disk"),
        clock=finding("Clock"),
    )


@pytest.mark.parametrize(
    ("costs_read", "email_sent", "systems"),
    [
        (None, None, ["Datadog", "Email"]),
        (later(minutes=-1), later(minutes=-1), ["Datadog", "Email"]),
        (later(minutes=1), None, ["Email"]),
        (None, later(minutes=1), ["Datadog"]),
        (later(minutes=1), later(minutes=1), []),
    ],
)
def test_what_has_worked_since_is_no_problem_any_more(
    costs_read: datetime | None, email_sent: datetime | None, systems: list[str]
) -> None:
    found = checkup(costs_ok=False, email_ok=False)
    assert [one.system for one in found.problems(costs_read, email_sent)] == systems


async def test_the_look_at_the_start_finds_a_wrong_key_and_an_unreachable_mail_server() -> None:
    source, transport = RefusedCosts([]), MemoryTransport()
    transport.on_connect.append(MailConnectError("The server is unreachable.", permanent=True))
    context = Context(source.description, lambda: NOW, "w", lambda _: False)
    diagnostics = (
        Fakes(MemoryStore(), source, transport).application(context).operations.diagnostics
    )
    assert diagnostics.latest is None

    await diagnostics.look(NOW)

    assert diagnostics.latest is not None
    problems = diagnostics.latest.problems(None, None)
    assert [problem.system for problem in problems] == ["Datadog", "Email"]
    assert problems[0].text == KEY_REFUSED

    source.problem = None
    await diagnostics.look_again(NOW + timedelta(minutes=1))
    assert len(diagnostics.latest.problems(None, None)) == len(problems)
    await diagnostics.look_again(NOW + timedelta(minutes=5))
    assert diagnostics.latest.problems(None, None) == []


@pytest.mark.parametrize(
    ("is_checked", "problems", "heading"),
    [
        (False, [], "Not checked yet"),
        (True, [], "No problems"),
        (False, ["Datadog refused the key."], "1 problem"),
    ],
)
def test_nothing_is_called_well_before_it_was_looked_at(
    is_checked: bool, problems: list[str], heading: str
) -> None:
    facts = StatusFacts(problems=problems, is_checked=is_checked, **FACTS)  # type: ignore[arg-type] # by name
    words = read(status_card(facts, "viewer"))
    assert heading in words
    assert "not read yet" in words
