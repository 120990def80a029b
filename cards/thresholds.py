"""Cards of thresholds: the current ones, and what others would have flagged."""

from collections.abc import Sequence

from cards.elements import (
    Cell,
    Element,
    bold,
    card,
    execute,
    heading,
    note,
    plain,
    section,
    table,
    text,
    text_input,
)
from cards.notices import sample_notice
from services.domain import Role, StoredConfig, Team, WhatIf, WhatIfEvent
from services.domain.formatting import day, exact_number, money, plural, set_money, threshold
from services.domain.service_names import service_name

MAX_EVENTS = 6
MAX_TEAMS = 15


def thresholds_card(
    config: StoredConfig, teams: Sequence[Team], currency: str, role: Role
) -> Element:
    """The threshold for all teams, and the ``teams`` that have one of their own."""
    default = threshold(config.anomaly_threshold)
    min_increase = set_money(config.min_increase, currency)
    rows: list[list[Cell]] = [
        [plain(team.team_name, 60), threshold(team.anomaly_threshold or 0)]
        for team in teams[:MAX_TEAMS]
    ]
    more = len(teams) - len(rows)
    is_admin = role == "admin"
    return card(
        [
            heading(f"Threshold: {default}"),
            text(
                f"Usage is flagged when it is up more than {default}, and by at least "
                f"{min_increase}, compared with the same days of the month before."
            ),
            section("Teams with their own threshold") if rows else None,
            table([("Team", 5, False), ("Threshold", 2, True)], rows) if rows else None,
            note(f"and {more:,} more") if more else None,
            *(_inputs(default, min_increase) if is_admin else []),
        ],
        [execute("What if?", "threshold.what_if", inputs=True)] if is_admin else [],
    )


def _inputs(default: str, min_increase: str) -> list[Element]:
    return [
        text_input(
            "value",
            f"New threshold in percent (leave empty for {default})",
            error="Enter a number above 0, or leave it empty.",
            max_length=12,
        ),
        text_input(
            "min",
            f"New minimum increase (leave empty for {min_increase})",
            error="Enter a number, or leave it empty.",
            max_length=12,
        ),
    ]


def what_if_card(what_if: WhatIf, team: Team | None, role: Role, sample: bool) -> Element:
    """What another threshold would have flagged, before it is saved."""
    before, after = threshold(what_if.threshold), threshold(what_if.candidate)
    whom = f" for {plain(team.team_name, 60)}" if team else ""
    changes = [f"{before} to {after}"] if what_if.candidate != what_if.threshold else []
    data = {"value": exact_number(what_if.candidate)} if changes else {}
    save = f"Save {after}" if changes else "Save"
    if what_if.candidate_min_increase != what_if.min_increase:
        current = set_money(what_if.min_increase, what_if.currency)
        candidate = set_money(what_if.candidate_min_increase, what_if.currency)
        changes.append(f"minimum increase {current} to {candidate}")
        data["min"] = exact_number(what_if.candidate_min_increase)
    if team:
        data["team"] = team.id
    days = (what_if.span.last - what_if.span.first).days + 1
    actions = [
        execute(save, "threshold.save", data, style="positive"),
        execute("Cancel", "cancel"),
    ]
    return card(
        [
            sample_notice(sample),
            heading(f"Threshold{whom}: {', '.join(changes) or f'unchanged at {before}'}"),
            text(
                f"Last {plural(days, 'day')}: ",
                bold(plural(what_if.flagged, "alert")),
                "; with this change, ",
                bold(f"{what_if.candidate_flagged:,}"),
                ".",
            ),
            note("At most one per account and month."),
            *_events("Would miss", what_if.missed, what_if.currency),
            *_events("Would add", what_if.added, what_if.currency),
        ],
        actions if role == "admin" else [],
    )


def _events(title: str, events: Sequence[WhatIfEvent], currency: str) -> list[Element]:
    if not events:
        return []
    rows: list[list[Cell]] = [
        [
            plain(event.team_name, 60),
            (day(event.day), f"{service_name(event.service, 60)} rose most"),
            money(event.excess, currency),
        ]
        for event in events[:MAX_EVENTS]
    ]
    columns = [("Team", 4, False), ("Flagged on", 4, False), ("Excess", 3, True)]
    more = len(events) - MAX_EVENTS
    rest = [note(f"and {more:,} more")] if more > 0 else []
    return [section(title), table(columns, rows), *rest]
