"""The buttons of an alert, by its status and by who sees the card."""

from typing import Literal

from cards.elements import Element, execute, show_card, text
from services.anomalies import is_resolved_by_admin
from services.domain import Anomaly, AnomalyContent
from services.domain.formatting import set_amount

Audience = Literal["everybody", "admin", "elsewhere", "member", "nobody"]
"""Who sees the card and what they may press.

``everybody``: all in a conversation that was alerted. ``admin``: one admin. ``elsewhere``: all in
another conversation. ``member``: one member of a conversation that was alerted. ``nobody``: a
viewer elsewhere.
"""


def alert_buttons(content: AnomalyContent, audience: Audience) -> list[Element]:
    """Buttons to answer an open anomaly, or to reopen an answered one."""
    anomaly = content.anomaly
    explain = [execute("Explain", "explain", {"team": content.team.id})] if content.team else []
    if anomaly.status == "ended" or audience == "nobody":
        return explain
    if anomaly.status != "open":
        reopen = [_answer("Reopen", anomaly, "open")]
        if audience == "member":
            return [*([] if is_resolved_by_admin(anomaly) else reopen), *explain]
        # An offer's long button and two more would not fit a phone.
        others = reopen if content.offer else [*reopen, *explain]
        return [*_alert_minimum_buttons(content, audience), *others]
    week = _answer("Snooze 7 days", anomaly, "snoozed", days="7")
    expected = _answer("Expected", anomaly, "expected")
    not_an_anomaly = _answer("Not an anomaly", anomaly, "not_an_anomaly")
    if audience == "member":
        return [expected, week, *explain, not_an_anomaly]
    admins_only = _admins_only(audience)
    month = _answer("Snooze 30 days", anomaly, "snoozed", days="30")
    question = "For how long? 30 days: admins only." if admins_only else "For how long?"
    return [
        expected,
        show_card("Snooze", [text(question)], [week, month]),
        *explain,
        not_an_anomaly,
        _answer(f"Too small{admins_only}", anomaly, "too_small"),
        _answer(f"Accept as new normal{admins_only}", anomaly, "accepted"),
    ]


def _admins_only(audience: Audience) -> str:
    """Marks a button that only admins may press, on a card that others see too."""
    return "" if audience == "admin" else " (admins)"


def _alert_minimum_buttons(content: AnomalyContent, audience: Audience) -> list[Element]:
    """Raises the account's alert minimum, or undoes that."""
    anomaly, admins_only = content.anomaly, _admins_only(audience)
    if anomaly.status != "too_small":
        return []
    if (offer := content.offer) is not None:
        title = f"Raise the minimum to {set_amount(offer.amount, anomaly.currency)}{admins_only}"
        data = {"anomaly": anomaly.id, "value": f"{offer.amount:f}"}
        return [execute(title, "floor.raise", data)]
    if content.minimum is None:
        return []
    data = {"anomaly": anomaly.id, "entry": content.minimum.entry}
    return [execute(f"Undo the minimum{admins_only}", "floor.undo", data)]


def _answer(title: str, anomaly: Anomaly, status: str, **more: str) -> Element:
    return execute(title, "anomaly.answer", {"anomaly": anomaly.id, "answer": status, **more})
