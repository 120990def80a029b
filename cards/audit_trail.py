"""The audit trail: who changed what, when, and through which interface."""

from collections.abc import Sequence
from dataclasses import dataclass

from cards.elements import (
    Element,
    bold,
    card,
    choice_input,
    execute,
    heading,
    plain,
    section,
    text,
)
from cards.field_names import AUDITED_FIELDS
from services.domain import Actor, AuditEntry
from services.domain.formatting import clock_time, plain_number, threshold
from services.domain.schedule import period_words
from services.domain.service_names import service_name

MAX_LIST_VALUES = 5
"""Of a changed list of addresses."""
INTERFACES = {"chat": "Teams", "rest": "REST", "cli": "command line", "scheduler": "scheduler"}
ACTIONS = {
    "team.add": "added",
    "team.change": "changed",
    "team.remove": "removed",
    "role.grant": "made an admin",
    "role.revoke": "no longer an admin",
    "alerts.on": "alerts on",
    "alerts.off": "alerts off",
    "plan.add": "planned change",
    "plan.remove": "planned change canceled",
    "run.start": "started",
    "run.retry": "retried",
}
RESOLUTIONS = {
    "open": "reopened",
    "accepted": "accepted as new normal",
}


@dataclass(frozen=True, slots=True)
class AuditLine:
    """An audit entry, and the name of what was changed."""

    entry: AuditEntry
    subject: str
    can_undo: bool


def audit_trail(
    lines: Sequence[AuditLine], page: int, more: bool, whose: str, team_id: str
) -> Element:
    """A page of the audit trail; one of the changes can be undone."""
    if not lines:
        return card([text(f"No changes {plain(whose, 70)}".rstrip() + " yet.")])
    items = [
        text(bold(clock_time(line.entry.at)), f" {_change_by(line)}", spacing="Small")
        for line in lines
    ]
    choices = [
        (plain(f"{clock_time(line.entry.at)} {_change(line)}", 100), line.entry.id)
        for line in lines
        if line.can_undo
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
            section("Undo a change") if choices else None,
            choice_input("entry", "Change", choices) if choices else None,
        ],
        actions,
    )


def actor_name(actor: Actor) -> str:
    """The person, or the interface if it has no name."""
    return plain(actor.name, 60) or INTERFACES[actor.interface]


def _change_by(line: AuditLine) -> str:
    actor = line.entry.actor
    interface = f", {INTERFACES[actor.interface]}" if actor.name else ""
    return f"{actor_name(actor)}{interface}: {_change(line)}"


def _change(line: AuditLine) -> str:
    entry, subject = line.entry, plain(line.subject, 60)
    values = entry.after or entry.before or {}
    word = ACTIONS.get(entry.action, entry.action)
    undone = " (undone)" if entry.undone_at else ""
    match entry.action.split("."):
        case ["run", _]:
            return f"{_run(line)} {word}"
        case ["anomaly", status]:
            resolution = RESOLUTIONS.get(status, status.replace("_", " "))
            service = service_name(str((entry.after or {}).get("service", "")), 40)
            return f"{subject} anomaly {service}: {resolution}{undone}"
        case ["config" | "team" | "floor" as noun, "change"]:
            whose = "settings" if noun == "config" else subject
            return f"{whose}: {_differences(entry)}{undone}"
        case ["plan", _]:
            return f"{subject}: {word} {plain(str(values.get('plan', '')), 60)}{undone}"
    return f"{subject} {word}{undone}"


def _run(line: AuditLine) -> str:
    values = line.entry.after or {}
    period = plain(period_words(str(values.get("period", ""))), 20)
    if values.get("kind") == "team":
        return f"{plain(line.subject, 60)}: report for {period}"
    return f"reports for {period}"


def _differences(entry: AuditEntry) -> str:
    before, after = entry.before or {}, entry.after or {}
    differences = [
        f"{AUDITED_FIELDS.get(name, name)} {_value(name, before.get(name))} → {_value(name, value)}"
        for name, value in after.items()
        if before.get(name) != value and (name == "floor" or entry.action != "floor.change")
    ]
    return plain(", ".join(differences), 300)


def _value(name: str, value: object) -> str:
    if value is None or value in ("", [], ()):
        return "none"
    if isinstance(value, int | float):
        return threshold(value) if name == "anomaly_threshold" else plain_number(value)
    if isinstance(value, list | tuple):
        shown = ", ".join(str(item) for item in value[:MAX_LIST_VALUES])
        return f"{shown} …" if len(value) > MAX_LIST_VALUES else shown
    return str(value)
