"""What is kept quiet because of what people have said: floors, and what is like before."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.suppression import (
    next_minimum,
    notified,
    resolved_by_minimum,
    resolved_by_similarity,
    suppressed_until,
)
from services.domain import AlertMinimum, Anomaly, Resolution
from tests.makers import NOW

TODAY = NOW.date()


def anomaly(name: str = "new", **more: Any) -> Anomaly:
    values: dict[str, Any] = {
        "id": name,
        "kind": "spike",
        "source": "datadog",
        "account_id": "1" * 12,
        "service": "EC2",
        "start": date(2026, 11, 17),
        "excess": Decimal(100),
        "raised_at": NOW,
        "updated_at": NOW,
    }
    return Anomaly(**{**values, **more})


def answered(status: str = "expected", by_id: str = "a", **more: Any) -> Anomaly:
    until = more.pop("until", TODAY + timedelta(days=10))
    answer = Resolution(by="Ana", by_id=by_id, at=NOW, until=until, excess=Decimal(80))
    return anomaly("old", status=status, answer=answer, **more)


@given(
    st.decimals("0.01", "99999999", places=2),
    st.decimals("0", "9999", places=2),
)
def test_a_floor_is_the_next_round_amount_above_an_excess(excess: Decimal, now: Decimal) -> None:
    amount = next_minimum(excess, now)
    if amount is None:
        assert excess < now
        return
    assert excess < amount <= 2 * excess
    assert len(amount.normalize().as_tuple().digits) <= 2


@pytest.mark.parametrize(
    ("excess", "amount"),
    [("52.10", "60"), ("25", "30"), ("100", "120"), ("99.99", "100"), ("0.5", "0.6")],
)
def test_floors_are_amounts_that_people_would_choose(excess: str, amount: str) -> None:
    assert next_minimum(Decimal(excess), Decimal(0)) == Decimal(amount)


def test_below_the_minimum_is_too_small_and_at_it_is_notified() -> None:
    floor = AlertMinimum(
        account_id="1" * 12, source="datadog", amount=Decimal(100), by="Ana", at=NOW, entry="e"
    )
    quiet = resolved_by_minimum(anomaly(excess=Decimal("99.99")), floor, NOW)
    assert quiet is not None
    assert (quiet.status, quiet.answer and quiet.answer.floor) == ("too_small", Decimal(100))
    assert resolved_by_minimum(anomaly(excess=Decimal(100)), floor, NOW) is None
    assert resolved_by_minimum(anomaly(), None, NOW) is None


@pytest.mark.parametrize(
    ("found", "before", "is_like"),
    [
        ({}, {}, True),
        ({"excess": Decimal("100.01")}, {}, False),
        ({"excess": Decimal(79)}, {"excess": Decimal(10)}, True),
        ({"service": "S3"}, {}, False),
        ({"kind": "shift"}, {}, True),
        ({"kind": "threshold"}, {}, False),
        ({"kind": "threshold"}, {"kind": "threshold"}, True),
        ({}, {"until": TODAY}, True),
        ({}, {"until": TODAY - timedelta(days=1)}, False),
        ({}, {"until": None}, False),
        ({}, {"status": "not_an_anomaly"}, True),
        ({}, {"status": "too_small"}, False),
        ({}, {"status": "snoozed"}, False),
        ({}, {"status": "open"}, False),
        ({}, {"status": "accepted"}, False),
        ({"kind": "threshold"}, {"status": "accepted", "kind": "threshold"}, True),
        ({}, {"by_id": "like"}, False),
        ({}, {"by_id": "plan"}, False),
    ],
)
def test_anomalies_similar_to_an_answered_one(
    found: dict[str, Any], before: dict[str, Any], is_like: bool
) -> None:
    quiet = resolved_by_similarity(anomaly(**found), [answered(**before)], NOW)
    assert (quiet is not None) is is_like
    if quiet is not None:
        assert quiet.status == before.get("status", "expected")
        assert quiet.answer is not None
        assert (quiet.answer.by, quiet.answer.by_id) == ("Ana", "like")


def test_an_anomaly_is_not_like_itself() -> None:
    assert resolved_by_similarity(answered(), [answered()], NOW) is None


def test_an_accepted_level_raises_nothing_and_an_accepted_threshold_nothing_for_a_month() -> None:
    assert suppressed_until(anomaly(), "accepted", TODAY) is None
    month = suppressed_until(anomaly(kind="threshold"), "accepted", TODAY)
    assert month == TODAY + timedelta(days=35)
    assert suppressed_until(anomaly(), "too_small", TODAY) is None


def test_only_notified_anomalies_are_counted() -> None:
    covered = anomaly("t", kind="threshold", start=date(2026, 11, 1))
    alone = anomaly("u", kind="threshold", start=date(2026, 12, 1))
    listed = [anomaly(), answered(by_id="floor"), covered, alone]
    assert [one.id for one in notified(listed)] == ["new", "u"]
