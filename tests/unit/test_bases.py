"""What a kept watch was made from: as little as possible is remembered of it."""

import shutil
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from services.bases import Basis, Read, writes_of
from services.judging import code_of_detection
from services.model import Category, CostChange, DaySpan, Month, MonthRead, UsageHistory

ACCOUNT = "1" * 12
NOVEMBER = Month(2026, 11)
LAG = timedelta(days=3)
KNOWN = datetime(2026, 11, 20, 9, tzinfo=UTC)
JUDGED = date(2026, 11, 17)


def usage_with_changes(services: int) -> UsageHistory:
    """A month of which a day was restated, in so many services."""
    day = date(2026, 11, 12)
    changes = [
        CostChange(ACCOUNT, f"s{n}", Category.USAGE, day, KNOWN, 1.0) for n in range(services)
    ]
    months = [MonthRead("2026-11", "m", writes=7, covered=(1 << 20) - 1)]
    return UsageHistory(ACCOUNT, DaySpan(day, JUDGED), {}, changes, months)


def test_thousands_of_changes_are_remembered_as_their_number() -> None:
    read = Read.of(usage_with_changes(5000), LAG)
    assert read.changes == (("2026-11", JUDGED, 5000),)
    (month,) = read.judged(JUDGED)
    assert (month.changes, month.writes, month.covered) == (5000, 7, (1 << 17) - 1)


def test_a_month_with_changes_that_wait_for_another_day_is_read_again() -> None:
    read = Read.of(usage_with_changes(2), LAG)
    day_before = JUDGED - timedelta(days=1)
    waiting = Basis().after(read, day_before, JUDGED.replace(day=1), ()).text()
    assert writes_of(waiting, NOVEMBER, NOVEMBER.next) != 7
    judged = Basis().after(read, JUDGED, JUDGED.replace(day=1), ()).text()
    assert writes_of(judged, NOVEMBER, NOVEMBER.next) == 7


@pytest.mark.parametrize(
    ("changed", "is_other"),
    [
        ("analysis/detection/watch.py", True),
        ("bases.py", True),
        ("judging.py", True),
        ("costs.py", False),
    ],
)
def test_what_was_kept_by_other_code_is_known_by_its_fingerprint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: str, is_other: bool
) -> None:
    root = Path(__file__).parents[2]
    shutil.copytree(root / "services", tmp_path / "services")
    monkeypatch.setattr(resources, "files", lambda package: tmp_path.joinpath(*package.split(".")))
    assert code_of_detection.__wrapped__() == code_of_detection()
    with (tmp_path / "services" / changed).open("a") as module:
        module.write("# another version\n")
    assert (code_of_detection.__wrapped__() != code_of_detection()) is is_other
