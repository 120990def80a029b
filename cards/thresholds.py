"""Cards about thresholds."""

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
from cards.general import sample_notice
from services.model import Role, StoredConfig, Team, WhatIf, WhatIfEvent
from services.wording import day, exact_number, money, plural, set_money, threshold

MOST_EVENTS = 6
MOST_OWN = 15


def thresholds(config: StoredConfig, own: Sequence[Team], currency: str, role: Role) -> Element:
    """The threshold for all teams, and the teams that have their own."""
    least = set_money(config.min_increase, currency)
    rows = [
        [plain(team.team_name, 60), threshold(team.anomaly_threshold or 0)]
        for team in own[:MOST_OWN]
    ]
    form = [
        text_input(
            "value",
            f"New threshold in percent (empty: {threshold(config.anomaly_threshold)})",
            error="A number above 0, or nothing.",
            longest=12,
        ),
        text_input(
            "min",
            f"New smallest increase (empty: {least})",
            error="A number, or nothing.",
            longest=12,
        ),
    ]
    return card(
        [
            heading(f"Usage up more than {threshold(config.anomaly_threshold)} is marked"),
            text(f"and by at least {least}, against the same days of the month before."),
            section("Teams with their own") if rows else None,
            table([("Team", 5, False), ("Threshold", 2, True)], rows) if rows else None,
            note(f"and {len(own) - MOST_OWN:,} more") if len(own) > MOST_OWN else None,
            *(form if role == "admin" else []),
        ],
        [execute("What if?", "threshold.what_if", inputs=True)] if role == "admin" else [],
    )


def what_if(found: WhatIf, team: Team | None, role: Role, sample: bool) -> Element:
    """What another threshold would have marked, before it is saved."""
    before, after = threshold(found.threshold), threshold(found.candidate)
    whom = f" for {plain(team.team_name, 60)}" if team else ""
    parts = [f"{before} to {after}"] if found.candidate != found.threshold else []
    data = {"value": exact_number(found.candidate)} if parts else {}
    if found.candidate_min_increase != found.min_increase:
        least = set_money(found.min_increase, found.currency)
        new_least = set_money(found.candidate_min_increase, found.currency)
        parts.append(f"smallest increase {least} to {new_least}")
        data["min"] = exact_number(found.candidate_min_increase)
    days = (found.span.last - found.span.first).days + 1
    return card(
        [
            sample_notice(sample),
            heading(f"Threshold{whom}: {', '.join(parts) or f'stays {before}'}"),
            text(
                f"Last {plural(days, 'day')}: ",
                bold(plural(found.marked, "alert")),
                "; it would have been ",
                bold(f"{found.candidate_marked:,}"),
                ".",
            ),
            note("At most one for each account and month."),
            *_events("Would miss", found.missed, found.currency),
            *_events("Would add", found.added, found.currency),
        ],
        [
            execute(
                f"Save {after}" if found.candidate != found.threshold else "Save",
                "threshold.save",
                {**data, **({"team": team.id} if team else {})},
                style="positive",
            ),
            execute("Cancel", "cancel"),
        ]
        if role == "admin"
        else [],
    )


def _events(title: str, events: Sequence[WhatIfEvent], currency: str) -> list[Element]:
    if not events:
        return []
    rows: list[list[Cell]] = [
        [
            plain(one.team_name, 60),
            (plain(one.service, 60), day(one.day)),
            money(one.excess, currency),
        ]
        for one in events[:MOST_EVENTS]
    ]
    more = len(events) - MOST_EVENTS
    found = [
        section(title),
        table([("Team", 4, False), ("Driver, since", 4, False), ("Excess", 3, True)], rows),
    ]
    return [*found, note(f"and {more:,} more")] if more > 0 else found


def threshold_saved(words: str, by: str, entry: str | None) -> Element:
    """A threshold was changed; the way back."""
    return card(
        [text(f"{plain(words, 200)} Saved by {plain(by, 60)}.")],
        [execute("Undo", "undo", {"entry": entry})] if entry else [],
    )
