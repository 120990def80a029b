"""Cards about the agent itself: schedule, recipients, channels, roles, status, history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from cards.elements import (
    Cell,
    Element,
    bold,
    card,
    choice_input,
    crossing,
    execute,
    facts,
    heading,
    note,
    plain,
    problem,
    section,
    table,
    text,
    text_input,
)
from cards.general import sample_notice
from services.model import AdminEntry, AuditEntry, Conversation, Person, Role, Run, StoredConfig
from services.wording import clock_time, day, listed, plain_number, plural, threshold, weekday

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_ADDRESSES = 30
LONGEST_ADDRESSES = 5000
LONGEST_ZONE = 60
MOST_ROWS = 20
LISTED = 5
"""So many entries of a changed list are shown in the history."""


# Schedule and recipients


def schedule(
    config: StoredConfig,
    slots: Sequence[datetime],
    role: Role,
    typed: Sequence[str] = (),
    problems: Sequence[str] = (),
) -> Element:
    """When the weekly reports go out, and how to change it; ``typed``: day, hour and zone that
    were not taken, for the reasons in ``problems``.
    """
    chosen_day, chosen_hour, chosen_zone = typed or (
        config.schedule_day,
        str(config.schedule_hour),
        config.schedule_timezone,
    )
    zone = ZoneInfo(config.schedule_timezone)
    upcoming = [
        f"{weekday(slot.astimezone(zone).date())} {slot.astimezone(zone):%H:%M}" for slot in slots
    ]
    form = [
        choice_input("day", "Day", [(one.capitalize(), one) for one in DAYS], value=chosen_day),
        choice_input(
            "hour",
            "Hour",
            [(f"{hour:02d}:00", str(hour)) for hour in range(24)],
            value=chosen_hour[:20],
        ),
        text_input(
            "zone",
            "Time zone",
            value=chosen_zone[:LONGEST_ZONE],
            required=True,
            error="An IANA zone such as Europe/Berlin.",
            longest=LONGEST_ZONE,
        ),
    ]
    return card(
        [
            heading(
                f"Weekly reports: {config.schedule_day.capitalize()} "
                f"{config.schedule_hour:02d}:00 {config.schedule_timezone}"
            ),
            text(f"Next: {listed(upcoming)}") if upcoming else None,
            _not_taken(problems),
            *(form if role == "admin" else []),
        ],
        [execute("Change", "schedule.save", inputs=True)] if role == "admin" else [],
    )


def _not_taken(problems: Sequence[str]) -> Element | None:
    return problem([plain(one, 400) for one in problems]) if problems else None


def schedule_saved(
    config: StoredConfig, slots: Sequence[datetime], by: str, entry: str | None
) -> Element:
    """The schedule was changed: when the next reports go out, and the way back."""
    shown = schedule(config, slots, "viewer")
    body = [*shown["body"], note(f"Saved by {plain(by, 60)}.")]
    return card(body, [execute("Undo", "undo", {"entry": entry})] if entry else [])


def recipients(
    config: StoredConfig, role: Role, typed: str | None = None, problems: Sequence[str] = ()
) -> Element:
    """Who gets the consolidated report; ``typed`` was not taken, for the reasons in ``problems``."""
    addresses = config.global_admin_emails
    shown = [text(plain(one, 120), spacing="Small") for one in addresses[:MOST_ADDRESSES]]
    more = len(addresses) - len(shown)
    form, actions = _recipients_form(addresses, typed) if role == "admin" else ([], [])
    return card(
        [
            heading(
                f"{plural(len(addresses), 'address', 'addresses')} for the admins' report"
                if addresses
                else "Nobody gets the admins' report"
            ),
            None if addresses else text("Add an address to send the consolidated report."),
            *([] if actions else shown),
            note(f"and {more:,} more") if more and not actions else None,
            _not_taken(problems),
            *form,
        ],
        actions,
    )


def _recipients_form(
    addresses: Sequence[str], typed: str | None
) -> tuple[list[Element], list[Element]]:
    """A form with all addresses; with more than it can hold none, as it would drop the rest."""
    value = ", ".join(addresses) if typed is None else typed
    if len(value) > LONGEST_ADDRESSES:
        one_by_one = "To change them, write recipients add mail@x or recipients remove mail@x."
        return [note(one_by_one)], []
    form = text_input(
        "mails",
        "Addresses, separated by commas",
        value=value,
        longest=LONGEST_ADDRESSES,
        lines=True,
        error="Mail addresses, separated by commas.",
    )
    return [form], [execute("Save", "recipients.save", inputs=True)]


def saved(words: str, by: str, entry: str | None) -> Element:
    """A setting was changed; the way back."""
    return card(
        [text(f"{plain(words, 300)} Saved by {plain(by, 60)}.")],
        [execute("Undo", "undo", {"entry": entry})] if entry else [],
    )


# Channels


def channel(conversation: Conversation) -> Element:
    """Alerts come to this conversation."""
    since = day(conversation.alerts_since.date()) if conversation.alerts_since else ""
    return card(
        [
            text(
                bold("Alerts come here"),
                f" since {since} ({plain(conversation.alerts_by, 60)}).",
            )
        ],
        [execute("Test", "alerts.test"), execute("Turn off", "alerts.off")],
    )


def channels(registered: Sequence[Conversation], here: Conversation, role: Role) -> Element:
    """Where alerts go."""
    rows: list[list[Cell]] = [
        [
            (
                plain(one.title or one.kind, 60),
                crossing(one.state, size="Small", spacing="None") if one.state != "active" else "",
            ),
            day(one.alerts_since.date()) if one.alerts_since else "",
            plain(one.alerts_by, 40),
        ]
        for one in registered[:MOST_ROWS]
    ]
    more = len(registered) - len(rows)
    is_here = any(one.id == here.id for one in registered)
    actions = []
    if role == "admin":
        actions.append(
            execute("Turn off here", "alerts.off")
            if is_here
            else execute("Send alerts here", "alerts.here")
        )
    body = (
        [table([("Conversation", 5, False), ("Since", 3, False), ("By", 3, False)], rows)]
        if rows
        else [text("Alerts go nowhere yet.")]
    )
    cut = note(f"and {more:,} more") if more else None
    return card([heading("Where alerts go"), *body, cut], actions)


# Roles


def whoami(person: Person, role: Role) -> Element:
    """Who the reader is for the agent."""
    return card(
        [
            heading(f"You are {'an admin' if role == 'admin' else 'a viewer'}"),
            facts(
                [
                    ("Name", plain(person.name, 80)),
                    ("Object id", plain(person.object_id, 80)),
                    ("Tenant", plain(person.tenant_id or "local mode", 80)),
                ]
            ),
        ]
    )


def admins(
    granted: Sequence[AdminEntry], configured: Sequence[str], local_for_all: bool
) -> Element:
    """Who may change things."""
    rows = [
        [plain(one.name or one.object_id, 60), day(one.since.date()), plain(one.by, 60)]
        for one in granted
    ]
    rows += [[plain(one, 60), "", "settings"] for one in configured]
    more = len(rows) - MOST_ROWS
    body: list[Element | None] = [
        heading("Admins"),
        table([("Admin", 5, False), ("Since", 3, False), ("By", 4, False)], rows[:MOST_ROWS])
        if rows
        else None,
        note(f"and {more:,} more") if more > 0 else None,
        text("Local mode: everybody on this machine is an admin.") if local_for_all else None,
        note("To add somebody: grant @name. To remove: revoke @name."),
        note("Admins from the settings are in ADMIN_AAD_OBJECT_IDS.") if configured else None,
    ]
    choices = [
        (plain(one.name or one.object_id, 60), one.object_id) for one in granted[:MOST_ROWS]
    ]
    if choices:
        body.append(choice_input("person", "Revoke", choices))
    return card(body, [execute("Revoke", "roles.revoke", inputs=True)] if choices else [])


# Status


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What ``status`` says."""

    problems: Sequence[str]
    looked_at: str
    """When this was so, to the second: a refresh that finds nothing new shows it."""
    source: str
    metric: str
    data_through: str
    last_run: str
    next_run: str
    mail: str
    teams: int
    anomalies: int
    alerts_to: int
    unknown_categories: Sequence[str] = ()
    retry: Run | None = None
    failed: int = 0
    sample: bool = False


def _source(found: StatusFacts) -> str:
    return f"{found.source}, {found.metric}" if found.metric else found.source


def status(found: StatusFacts, role: Role) -> Element:
    """Problems first; then the agent's facts."""
    pairs = [
        ("Source", plain(found.source if found.sample else _source(found), 200)),
        ("Data through", found.data_through),
        ("Last run", plain(found.last_run, 200)),
        ("Next run", plain(found.next_run, 100)),
        ("Mail", plain(found.mail, 200)),
        ("Teams", f"{found.teams:,}"),
        ("Open anomalies", f"{found.anomalies:,}"),
        ("Alerts go to", plural(found.alerts_to, "conversation")),
    ]
    if found.unknown_categories:
        pairs.append(("Unknown charges", plain(", ".join(found.unknown_categories), 200)))
    actions = [execute("Refresh", "status", {"choice": "refresh"})]
    if found.retry is not None and role == "admin":
        retry = execute(f"Retry {found.failed:,}", "run.retry", {"run": found.retry.id})
        actions.insert(0, retry)
    return card(
        [
            sample_notice(found.sample),
            heading(plural(len(found.problems), "problem") if found.problems else "All is well"),
            *[crossing(plain(one, 400)) for one in found.problems[:MOST_ROWS]],
            facts(pairs),
            note(f"Looked at {found.looked_at}."),
        ],
        actions,
    )


# History


ACTIONS = {
    "team.add": "added",
    "team.change": "changed",
    "team.remove": "removed",
    "role.grant": "made admin",
    "role.revoke": "no admin any more",
    "alerts.on": "alerts on",
    "alerts.off": "alerts off",
    "plan.add": "planned change",
    "plan.remove": "planned change cancelled",
    "run.start": "started",
    "run.retry": "retried",
}
ANSWERS = {
    "open": "reopened",
    "accepted": "accepted as new normal",
}
NAMES = {
    "anomaly_threshold": "threshold",
    "min_increase": "smallest increase",
    "global_admin_emails": "admin addresses",
    "schedule_day": "day",
    "schedule_hour": "hour",
    "schedule_timezone": "time zone",
    "team_name": "name",
    "aws_account_id": "account",
    "team_email": "mail",
    "admin_emails": "admins",
}


def problems_of(errors: Sequence[tuple[str, str]]) -> list[str]:
    """What is wrong with settings, each named as people know it."""
    return [
        f"{NAMES.get(field, field)} {plain(reason, 200).rstrip('.')}".strip()
        for field, reason in errors
    ]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A change and the name of what was changed."""

    entry: AuditEntry
    subject: str
    can_undo: bool


def history(
    lines: Sequence[HistoryLine], page: int, more: bool, whose: str, team_id: str
) -> Element:
    """The audit trail: who changed what, when, from where; one of them can be undone."""
    if not lines:
        return card([text(f"No changes {plain(whose, 70)}".rstrip() + " yet.")])
    items = [
        text(
            bold(clock_time(one.entry.at)), f" {_actor(one.entry)}: {_what(one)}", spacing="Small"
        )
        for one in lines
    ]
    undoable = [one for one in lines if one.can_undo]
    choices = [
        (plain(f"{clock_time(one.entry.at)} {_what(one)}", 100), one.entry.id) for one in undoable
    ]
    actions = [execute("Undo", "undo", inputs=True)] if choices else []
    data = {"team": team_id} if team_id else {}
    if more:
        actions.append(execute("Older", "history", {**data, "page": str(page + 1)}))
    if page > 1:
        actions.append(execute("Newer", "history", {**data, "page": str(page - 1)}))
    return card(
        [
            heading(f"Changes {plain(whose, 70)}".rstrip()),
            *items,
            section("Take one back") if choices else None,
            choice_input("entry", "Change", choices) if choices else None,
        ],
        actions,
    )


def _actor(entry: AuditEntry) -> str:
    doors = {"chat": "card", "rest": "REST", "cli": "command line", "clock": "clock"}
    name = plain(entry.actor.name, 60)
    return f"{name}, {doors[entry.actor.door]}" if name else doors[entry.actor.door]


def _what(line: HistoryLine) -> str:
    entry = line.entry
    subject = plain(line.subject, 60)
    undone = " (undone)" if entry.undone_at else ""
    if entry.action.startswith("anomaly."):
        given = entry.action.removeprefix("anomaly.")
        word = ANSWERS.get(given, given.replace("_", " "))
        service = plain(str((entry.after or {}).get("service", "")), 40)
        return f"{subject} anomaly {service}: {word}{undone}"
    word = ACTIONS.get(entry.action, entry.action)
    if entry.action.startswith("run."):
        return f"{_run(line)} {word}"
    if entry.action in {"config.change", "team.change", "floor.change"}:
        whose = "settings" if entry.action == "config.change" else subject
        return f"{whose}: {_differences(entry)}{undone}"
    if entry.action.startswith("plan."):
        facts_of = entry.after or entry.before or {}
        return f"{subject}: {word} {plain(str(facts_of.get('plan', '')), 60)}{undone}"
    return f"{subject} {word}{undone}"


def _run(line: HistoryLine) -> str:
    facts_of = line.entry.after or {}
    period = plain(str(facts_of.get("period", "")), 20)
    if facts_of.get("kind") == "team":
        return f"{plain(line.subject, 60)}: report {period}"
    return f"reports {period}"


def _differences(entry: AuditEntry) -> str:
    before, after = entry.before or {}, entry.after or {}
    found = [
        f"{NAMES.get(name, name)} {_value(name, before.get(name))} > {_value(name, value)}"
        for name, value in after.items()
        if before.get(name) != value and (name == "floor" or entry.action != "floor.change")
    ]
    return plain(", ".join(found), 300)


def _value(name: str, value: object) -> str:
    if value is None or value in ("", [], ()):
        return "none"
    if isinstance(value, int | float):
        return threshold(value) if name == "anomaly_threshold" else plain_number(value)
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value[:LISTED]) + (
            " …" if len(value) > LISTED else ""
        )
    return str(value)
