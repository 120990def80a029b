"""Several anomalies on a card: the list, and the digest of many alerts."""

from collections.abc import Sequence

from cards.elements import (
    Cell,
    Element,
    box,
    card,
    choice_input,
    crossing,
    execute,
    heading,
    note,
    plain,
    table,
    text,
)
from cards.notices import sample_notice
from services.domain import AnomalyLine, DigestContent
from services.domain.formatting import day, money, plural
from services.domain.service_names import service_name
from services.presentation import account_excess, anomaly_days, driver_label

MAX_DIGEST_LINES = 10
STATUS_WORDS = {
    "open": "open",
    "ended": "ended",
    "expected": "expected",
    "not_an_anomaly": "not an anomaly",
    "too_small": "too small",
    "snoozed": "snoozed",
    "accepted": "new normal",
}


def anomaly_list(
    lines: Sequence[AnomalyLine],
    total: int,
    page: int,
    pages: int,
    team: tuple[str, str] | None,
    sample: bool,
) -> Element:
    """A page of anomalies, open ones first, of one team (id, name) or of all; one can be opened.

    All pages but the last are equally long, so the last one's numbers are counted from the end.
    """
    whose = f" for {plain(team[1], 60)}" if team else ""
    if not lines:
        return card([sample_notice(sample), text(f"No anomalies{whose}.")])
    choices = [
        (
            f"{plain(line.team_name, 50)}: {_driver(line, 40)}, {_excess(line)}",
            line.anomaly.id,
        )
        for line in lines
    ]
    data = {"team": team[0]} if team else {}
    actions = [execute("Open", "anomaly.open", inputs=True)]
    if page < pages:
        actions.append(execute("Next", "anomalies", {**data, "page": str(page + 1)}))
    if page > 1:
        actions.append(execute("Back", "anomalies", {**data, "page": str(page - 1)}))
    last = page * len(lines) if page < pages else total
    first = last - len(lines) + 1
    return card(
        [
            sample_notice(sample),
            heading(f"{plural(total, 'anomaly', 'anomalies')}{whose}"),
            _table(lines),
            note(f"{first:,}–{last:,} of {total:,}") if pages > 1 else None,
            choice_input("anomaly", "Anomaly", choices, value=lines[0].anomaly.id),
        ],
        actions,
    )


def anomaly_digest(content: DigestContent) -> Element:
    """Anomalies that get no card of their own this hour."""
    shown = content.lines[:MAX_DIGEST_LINES]
    more = len(content.lines) - len(shown)
    return card(
        [
            sample_notice(content.sample),
            *_digest_head(content),
            _table(shown),
            note(f"and {more:,} more") if more > 0 else None,
        ],
        [execute("See all", "anomalies")],
    )


def _digest_head(content: DigestContent) -> list[Element]:
    if not content.together:
        return [
            heading(plural(len(content.lines), "more anomaly", "more anomalies")),
            note("Grouped in one message because there were many at once."),
        ]
    first = min(content.lines, key=lambda line: line.anomaly.start).anomaly
    return [
        box([crossing("NEW ANOMALY")], "attention"),
        heading(
            f"{len(content.lines):,} accounts at once: {service_name(first.service, 60)} "
            f"since {day(first.start)}"
        ),
    ]


def _table(lines: Sequence[AnomalyLine]) -> Element:
    rows = [
        [
            (plain(line.team_name, 60), _driver(line, 60)),
            _excess_cell(line),
            (anomaly_days(line.anomaly), _status(line)),
        ]
        for line in lines
    ]
    return table(
        [("Team: driver", 5, False), ("Excess", 4, True), ("Days, status", 4, True)], rows
    )


def _status(line: AnomalyLine) -> str:
    above = ", above threshold" if line.above_threshold else ""
    return f"{STATUS_WORDS[line.anomaly.status]}{above}"


def _driver(line: AnomalyLine, max_length: int) -> str:
    return driver_label(line.anomaly, service_name(line.anomaly.service, max_length))


def _excess(line: AnomalyLine) -> str:
    return money(line.anomaly.amounts.excess, line.anomaly.currency)


def _excess_cell(line: AnomalyLine) -> Cell:
    account = account_excess(line.anomaly)
    return (_excess(line), account) if account else _excess(line)
