"""The sample goes with its teams: after the first own team nothing of it is shown."""

from decimal import Decimal

import pytest

from services.administration.audit_trail import AuditTrail
from services.alerts.pending import PendingAlerts
from services.anomalies.listing import AnomalyList
from services.domain import Anomaly, SourceName
from services.teams import Teams
from tests.fakes.store import MemoryStore
from tests.makers import NOW, team

SAMPLE_ACCOUNT, OWN_ACCOUNT, UNMAPPED = "1" * 12, "2" * 12, "3" * 12


def anomaly(account: str) -> Anomaly:
    return Anomaly(
        id=f"sample-{account}",
        kind="shift",
        source="sample",
        account_id=account,
        service="EC2",
        start=NOW.date(),
        excess=Decimal(100),
        raised_at=NOW,
        updated_at=NOW,
    )


@pytest.fixture
async def store() -> MemoryStore:
    """An anomaly of a sample team, one of an account without a team, one of our own."""
    found = MemoryStore()
    await found.teams.seed_samples([team(1, aws_account_id=SAMPLE_ACCOUNT, sample=True)])
    for account in (SAMPLE_ACCOUNT, UNMAPPED, OWN_ACCOUNT):
        await found.anomalies.raise_once(anomaly(account))
    return found


def teams_of(store: MemoryStore, source: SourceName = "sample") -> Teams:
    return Teams(store.teams, AuditTrail(store.audit_entries), source=source)


async def shown(store: MemoryStore) -> list[set[str]]:
    """The accounts in the list, the pages of REST and the alerts."""
    teams = teams_of(store)
    listing = AnomalyList(store.anomalies, teams, "sample")
    pending = PendingAlerts(store, teams, "sample")
    return [
        {line.anomaly.account_id for line in await listing.list()},
        {found.account_id for found, _ in await listing.page()},
        {found.account_id for found in await pending.candidates(NOW)},
    ]


async def test_the_samples_anomalies_go_with_the_first_own_team(store: MemoryStore) -> None:
    assert await shown(store) == [{SAMPLE_ACCOUNT, UNMAPPED, OWN_ACCOUNT}] * 3

    await store.teams.add(team(2, aws_account_id=OWN_ACCOUNT))
    assert await teams_of(store).hidden_accounts() == {SAMPLE_ACCOUNT}
    assert await shown(store) == [{UNMAPPED, OWN_ACCOUNT}] * 3

    await store.teams.remove("t2")
    assert await shown(store) == [{SAMPLE_ACCOUNT, UNMAPPED, OWN_ACCOUNT}] * 3


async def test_an_account_of_the_sample_that_is_ones_own_stays(store: MemoryStore) -> None:
    await store.teams.add(team(2, aws_account_id=SAMPLE_ACCOUNT))
    assert await teams_of(store).hidden_accounts() == frozenset()


async def test_with_costs_of_ones_own_nothing_is_hidden(store: MemoryStore) -> None:
    await store.teams.add(team(2, aws_account_id=OWN_ACCOUNT))
    assert await teams_of(store, "datadog").hidden_accounts() == frozenset()
