"""The status card: problems first, then what the agent works with."""

from collections.abc import Sequence
from dataclasses import dataclass

from cards.elements import Element, card, crossing, execute, facts, heading, note, plain
from cards.notices import sample_notice
from services.domain import Role, Run
from services.domain.formatting import plural

MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What the status card shows, mostly as text."""

    problems: Sequence[str]
    checked_at: str
    """To the second, so that a refresh that finds nothing new is visible."""
    source: str
    metric: str
    data_through: str
    last_run: str
    next_run: str
    email: str
    teams: int
    anomalies: int
    alerts_to: int
    """Conversations that alerts are sent to."""
    costs_read: str
    """When costs were last read, or that they never were."""
    email_tried: str = ""
    """When an email or a sign-in was last tried, and how it went; empty: not known."""
    history: str = ""
    """How much of the cost history is read, until all of it is."""
    is_checked: bool = True
    """Whether this process has looked at all systems since it started."""
    unknown_categories: Sequence[str] = ()
    retry: Run | None = None
    """A run with failed deliveries."""
    failed: int = 0
    sample: bool = False


def status_card(status: StatusFacts, role: Role) -> Element:
    """Problems in red, then the facts."""
    actions = [execute("Refresh", "status", {"choice": "refresh"})]
    if status.retry is not None and role == "admin":
        retry = execute(f"Retry {status.failed:,}", "run.retry", {"run": status.retry.id})
        actions.insert(0, retry)
    problems = status.problems
    return card(
        [
            sample_notice(status.sample),
            heading(_heading(status)),
            *[crossing(plain(words, 400)) for words in problems[:MAX_PROBLEMS]],
            facts(_pairs(status)),
            note(f"Checked {status.checked_at}."),
        ],
        actions,
    )


def _heading(status: StatusFacts) -> str:
    """Without problems only once there was a look; before that, nothing is known."""
    if status.problems:
        return plural(len(status.problems), "problem")
    return "No problems" if status.is_checked else "Not checked yet"


def _pairs(status: StatusFacts) -> list[tuple[str, str]]:
    pairs = [
        ("Source", plain(_source(status), 200)),
        ("Costs", plain(status.costs_read, 100)),
        ("Data through", status.data_through),
        ("Last run", plain(status.last_run, 200)),
        ("Next run", plain(status.next_run, 100)),
        ("Email", plain(_email(status), 200)),
        ("Teams", f"{status.teams:,}"),
        ("Open anomalies", f"{status.anomalies:,}"),
        ("Alerts go to", plural(status.alerts_to, "conversation")),
    ]
    if status.history:
        pairs.insert(3, ("Cost history", plain(status.history, 100)))
    if status.unknown_categories:
        pairs.append(("Unknown charges", plain(", ".join(status.unknown_categories), 200)))
    return pairs


def _email(status: StatusFacts) -> str:
    return f"{status.email}, {status.email_tried}" if status.email_tried else status.email


def _source(status: StatusFacts) -> str:
    if status.sample or not status.metric:
        return status.source
    return f"{status.source}, {status.metric}"
