"""Two writers change the same document at the same moment: both changes are stored."""

import asyncio
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from services.adapters.secrets import FernetBox
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.anomalies.resolutions import Resolutions
from services.domain import Actor, Anomaly, Identity
from services.domain.errors import ConflictError
from services.operations.after_restore import AfterRestore
from services.ports import Store
from services.runtime.compare_and_set import MAX_ATTEMPTS, compare_and_set
from services.settings import SmtpSettings
from services.teams.teams import Teams
from tests.makers import NAN, NOW, cells, later, series, table, team

ROUNDS = 12
"""Each writer makes one change in a round, so that nobody can lose more than once in it."""
ANA, BOB = Actor(interface="chat", name="Ana", id="a"), Actor(interface="chat", name="Bob", id="b")
ACCOUNT = "1" * 12


@pytest.fixture
def config(any_store: Store, tmp_path: Path) -> Callable[[], Config]:
    """The settings as each of several processes has them."""
    box = FernetBox(None, tmp_path, key_file_allowed=True)
    return lambda: Config(
        any_store.config, AuditTrail(any_store.audit_entries), box, SmtpSettings()
    )


async def add_address(config: Config, address: str, actor: Actor) -> None:
    await config.change(
        lambda stored: {"global_admin_emails": [*stored.global_admin_emails, address]}, actor, NOW
    )


async def test_settings_that_two_admins_change_at_once_have_both_changes(
    config: Callable[[], Config],
) -> None:
    one, other = config(), config()
    begin = (await one.stored(NOW)).version
    for i in range(ROUNDS):
        await asyncio.gather(
            add_address(one, f"a{i}@example.org", ANA),
            add_address(other, f"b{i}@example.org", BOB),
        )
    stored = await one.stored(NOW)
    wanted = {f"{name}{i}@example.org" for name in "ab" for i in range(ROUNDS)}
    assert set(stored.global_admin_emails) == wanted
    assert stored.version == begin + 2 * ROUNDS


async def test_settings_keep_a_change_that_is_made_while_a_restore_is_settled(
    any_store: Store, config: Callable[[], Config]
) -> None:
    restoring = AfterRestore(
        any_store.restored, any_store.config, AuditTrail(any_store.audit_entries)
    )
    for i in range(ROUNDS):
        now = later(minutes=i)
        await asyncio.gather(
            restoring.settle(ANA, now), add_address(config(), f"b{i}@example.org", BOB)
        )
        stored = await any_store.config.get(now)
        assert stored.schedule_since == now
        assert stored.global_admin_emails[-1] == f"b{i}@example.org"


async def test_a_team_that_two_people_change_at_once_has_both_changes(any_store: Store) -> None:
    one, other = (
        Teams(any_store.teams, AuditTrail(any_store.audit_entries), source="datadog")
        for _ in range(2)
    )
    await any_store.teams.add(team(1))
    for i in range(ROUNDS):
        await asyncio.gather(
            one.change("t1", {"team_name": f"Name {i}"}, ANA, NOW),
            other.change("t1", {"admin_emails": [f"b{i}@example.org"]}, BOB, NOW),
        )
        stored = await any_store.teams.get("t1")
        assert stored is not None
        assert (stored.team_name, stored.admin_emails) == (f"Name {i}", (f"b{i}@example.org",))
        assert stored.version == team(1).version + 2 * (i + 1)
    assert len(await any_store.audit_entries.newest(100)) == 2 * ROUNDS


async def test_of_two_answers_to_an_anomaly_one_counts_and_the_other_is_reported(
    any_store: Store,
) -> None:
    one, other = (
        Resolutions(
            any_store.anomalies, any_store.alerts, AuditTrail(any_store.audit_entries), "datadog"
        )
        for _ in range(2)
    )
    for i in range(ROUNDS):
        await any_store.anomalies.raise_once(
            Anomaly(
                id=f"a{i}",
                kind="threshold",
                source="datadog",
                account_id=ACCOUNT,
                service="EC2",
                start=date(2026, 1, 30),
                excess=Decimal(120),
                raised_at=NOW,
                updated_at=NOW,
            )
        )
        outcomes = await asyncio.gather(
            one.resolve(f"a{i}", "expected", ("Ana", "a"), ANA, NOW),
            other.resolve(f"a{i}", "not_an_anomaly", ("Bob", "b"), BOB, NOW),
            return_exceptions=True,
        )
        (counted,) = [found for found in outcomes if isinstance(found, Anomaly)]
        (refused,) = [found for found in outcomes if isinstance(found, ConflictError)]
        assert counted.answer is not None
        assert counted.answer.by in str(refused)
        stored = await any_store.anomalies.get(f"a{i}")
        assert stored is not None
        assert (stored.status, stored.answer) == (counted.status, counted.answer)


async def test_costs_of_a_month_that_two_processes_store_at_once_are_all_there(
    any_store: Store,
) -> None:
    costs = any_store.costs
    days = [date(2026, 1, 1 + i) for i in range(2 * ROUNDS)]
    for i in range(0, len(days), 2):
        await asyncio.gather(
            *(
                costs.save_details("datadog", "m", table(day, series([1.0])), [ACCOUNT], NOW)
                for day in days[i : i + 2]
            )
        )
    whole = table(days[0], series([NAN] * len(days))).span
    found = cells(await costs.load("datadog", [ACCOUNT], whole))
    assert {cell[3] for cell in found} == set(days)


async def test_a_person_who_is_forgotten_stays_so_beside_a_change_of_the_settings(
    any_store: Store, config: Callable[[], Config]
) -> None:
    person = Identity(addresses=("bob@example.org",))
    added: list[str] = []

    async def add_some() -> None:
        for _ in range(MAX_ATTEMPTS - 1):
            added.append(f"c{len(added)}@example.org")
            await add_address(config(), added[-1], ANA)

    for _ in range(ROUNDS):
        await add_address(config(), "bob@example.org", ANA)
        await asyncio.gather(any_store.erasure.erase(person), add_some())
        stored = await any_store.config.get(NOW)
        assert sorted(stored.global_admin_emails) == sorted(added)


async def test_the_last_of_many_writers_gets_the_too_busy_error() -> None:
    attempts = 0

    async def lose() -> bool | None:
        nonlocal attempts
        attempts += 1
        return None

    with pytest.raises(ConflictError, match="busy"):
        await compare_and_set(lose, ConflictError("busy"))
    assert attempts == MAX_ATTEMPTS


async def test_a_result_that_is_false_is_a_result() -> None:
    async def nothing_to_do() -> bool | None:
        return False

    assert await compare_and_set(nothing_to_do, ConflictError("busy")) is False


async def test_what_was_read_before_a_person_was_forgotten_is_not_written_after_it(
    any_store: Store, config: Callable[[], Config]
) -> None:
    await add_address(config(), "bob@example.org", ANA)
    await any_store.teams.add(team(1, admin_emails=("bob@example.org",)))
    config_read = await any_store.config.get(NOW)
    team_read = await any_store.teams.get("t1")
    assert team_read is not None

    await any_store.erasure.erase(Identity(addresses=("bob@example.org",)))

    late = {"version": config_read.version + 1}
    assert not await any_store.config.replace(config_read.model_copy(update=late))
    late = {"version": team_read.version + 1}
    assert not await any_store.teams.replace(team_read.model_copy(update=late))
