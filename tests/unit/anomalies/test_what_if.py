"""What another threshold would have flagged: the replay of ``backtest --threshold``, 90 days back."""

from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr

from services.adapters.secrets import FernetBox
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.anomalies.backtest import Backtest
from services.anomalies.what_if import WhatIfCalculator
from services.costs import CostIngest
from services.domain import WhatIf
from services.settings import SmtpSettings
from services.teams.teams import Teams
from tests.fakes.store import MemoryStore
from tests.makers import NOW, team
from tests.unit.anomalies.test_backtest import ACCOUNT, DAYS, NOBODY, backtests, stored
from tests.unit.usage import FIRST, Usage, add, usage

RAISED = date(2026, 10, 5)


def rising(amount: float) -> Usage:
    """The first ten days of October cost more."""
    begin = (RAISED - FIRST).days
    return add(usage(shape=lambda day: 1.0, days=DAYS), "EC2", range(begin, begin + 10), amount)


async def what_if(store: MemoryStore, percent: float) -> WhatIf:
    audit = AuditTrail(store.audit_entries)
    box = FernetBox(SecretStr("k" * 20), Path(), key_file_allowed=False)
    return await WhatIfCalculator(
        costs=CostIngest(NOBODY, store.costs, 48),
        store=store.costs,
        teams=Teams(store.teams, audit, source="datadog"),
        config=Config(store.config, audit, box, SmtpSettings()),
        source="datadog",
        complete_after_hours=48,
    ).compare(NOW, percent=percent)


async def replayed(store: MemoryStore, percent: float) -> Backtest:
    return await backtests(store).run(NOW, with_threshold=True, percent=percent)


async def test_the_chat_and_the_command_line_say_the_same_of_a_threshold() -> None:
    store = await stored({ACCOUNT: rising(150.0)})
    await store.teams.add(team(1, aws_account_id=ACCOUNT))

    found = await what_if(store, 60.0)

    assert (found.flagged, found.candidate_flagged) == (1, 0)
    (missed,) = found.missed
    (line,) = [x for x in (await replayed(store, 20.0)).lines if x.kind == "threshold"]
    assert (missed.service, missed.aws_account_id) == (line.service, ACCOUNT)
    assert missed.excess == line.excess
    assert (line.notified_on - missed.day).days == 3
    assert [x.kind for x in (await replayed(store, 60.0)).lines] == ["shift"]


async def test_what_was_taken_back_later_had_been_marked_then() -> None:
    store = await stored({ACCOUNT: rising(150.0)}, at=datetime(2026, 10, 10, 1, tzinfo=UTC))
    await stored({ACCOUNT: rising(0.0)}, at=datetime(2026, 11, 10, 1, tzinfo=UTC), store=store)
    await store.teams.add(team(1, aws_account_id=ACCOUNT))
    found = await what_if(store, 60.0)
    assert found.flagged == 1
