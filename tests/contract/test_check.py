"""What ``check`` makes of what it finds, and that one ill system hides no other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.adapters.disk import Disk
from services.adapters.sample import SampleSource
from services.adapters.secrets import FernetBox
from services.administration.audit_trail import AuditTrail
from services.administration.config import Config
from services.domain import RunState
from services.domain.errors import SettingsError
from services.mailing.transports import Transports
from services.operations.checkup import Finding
from services.operations.diagnostics import (
    MIN_FREE_BYTES,
    MIN_FREE_BYTES_EMBEDDED,
    Diagnostics,
    clock_finding,
    disk_finding,
    mongodb_finding,
    teams_text,
)
from services.runtime.context import Pacing
from services.settings import SmtpSettings
from tests.docs.troubles import Trouble, troubles
from tests.fakes.mail import MemoryTransport
from tests.fakes.store import MemoryStore
from tests.makers import NOW, run, team


@pytest.mark.parametrize(
    ("seconds", "ok", "said"),
    [
        (0, True, "agrees with Datadog"),
        (59, True, "agrees"),
        (-59, True, "agrees"),
        (75, False, "75 s behind Datadog's"),
        (-4000, False, "4,000 s ahead of Datadog's"),
    ],
)
def test_a_clock_may_differ_by_a_minute(seconds: int, ok: bool, said: str) -> None:
    finding = clock_finding({"Datadog": timedelta(seconds=seconds)}, timedelta())
    assert finding.ok is ok
    assert said in finding.text


def test_the_first_clock_that_differs_is_named() -> None:
    ahead = {"MongoDB": timedelta(), "Datadog": timedelta(minutes=5)}
    assert "Datadog" in clock_finding(ahead, timedelta()).text
    assert clock_finding({"MongoDB": timedelta(), "Datadog": timedelta()}, timedelta()).text == (
        "agrees with MongoDB and Datadog"
    )


def test_a_worker_that_takes_no_work_because_of_its_clock_says_so_first() -> None:
    ahead = {"MongoDB": timedelta(seconds=-31), "Datadog": timedelta(minutes=5)}
    finding = clock_finding(ahead, timedelta(seconds=31))
    assert not finding.ok
    assert finding.text == (
        "This machine's clock is 31 s ahead of MongoDB's, so this worker sends nothing until they "
        "agree within 30 s. Let NTP set both (timedatectl set-ntp true)."
    )


class SlowStore(MemoryStore):
    """A MongoDB that answers after minutes."""

    elapsed = 0.0

    async def server_version(self) -> str:
        self.elapsed += 300
        return "7"


class TimedCosts(SampleSource):
    """A source whose answers say what its time is: ``ahead`` of this machine's."""

    def __init__(self, store: SlowStore, ahead: float, skew: float) -> None:
        super().__init__()
        self._store = store
        self._ahead = ahead + skew

    async def check(self, now: datetime) -> str:
        self.server_time = NOW + timedelta(seconds=self._store.elapsed + self._ahead)
        return await super().check(now)


@pytest.mark.parametrize("skew", [0, 20, -20])
@pytest.mark.parametrize(("ahead", "ok"), [(0, True), (59, True), (61, False), (-61, False)])
async def test_a_clock_is_not_wrong_because_an_answer_took_long(
    tmp_path: Path, ahead: float, ok: bool, skew: float
) -> None:
    store = SlowStore()
    box = FernetBox(None, tmp_path, key_file_allowed=True)
    config = Config(store.config, AuditTrail(store.audit_entries), box, SmtpSettings())
    check = Diagnostics(
        store=store,
        costs=TimedCosts(store, ahead, skew),
        transports=Transports(config, "sample", MemoryTransport(name="outbox"), {}),
        app_id=None,
        bot_tokens=None,
        folder=Disk(tmp_path),
        embedded=False,
        pacing=Pacing(lambda: store.elapsed, skew=lambda: timedelta(seconds=skew)),
    )

    (clock,) = [one for one in (await check.check(NOW)).findings if one.system == "Clock"]

    assert clock.ok is ok, clock.text


async def test_emails_that_wait_after_a_refusal_are_named_though_the_sign_in_works(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    settings = SmtpSettings(host="mail.example.org", user="a@x.org", password="p")
    box = FernetBox(None, tmp_path, key_file_allowed=True)
    config = Config(store.config, AuditTrail(store.audit_entries), box, settings)
    refused = "The mail server does not accept email from a@x.org. Set SENDER_EMAIL."
    waiting = run(source="sample", planned=True, last_error=refused)
    check = Diagnostics(
        store=store,
        costs=SampleSource(),
        transports=Transports(
            config, "sample", MemoryTransport(name="outbox"), {"smtp": lambda _: MemoryTransport()}
        ),
        app_id=None,
        bot_tokens=None,
        folder=Disk(tmp_path),
        embedded=False,
        pacing=Pacing(),
    )

    async def found() -> Finding:
        return next(one for one in (await check.check(NOW)).findings if one.system == "Email")

    assert (await found()).ok
    await store.runs.begin(waiting)
    assert await found() == Finding(
        "Email",
        ok=False,
        text=f"signed in, but the emails of 2026-W48 are waiting. {refused}",
    )
    store.runs.runs[waiting.id] = waiting.model_copy(update={"state": RunState.DONE})
    assert (await found()).ok


async def test_teams_of_one_name_are_named_with_what_to_do_and_fail_nothing(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    box = FernetBox(None, tmp_path, key_file_allowed=True)
    config = Config(store.config, AuditTrail(store.audit_entries), box, SmtpSettings())
    check = Diagnostics(
        store=store,
        costs=SampleSource(),
        transports=Transports(config, "sample", MemoryTransport(name="outbox"), {}),
        app_id=None,
        bot_tokens=None,
        folder=Disk(tmp_path),
        embedded=False,
        pacing=Pacing(),
    )
    await store.teams.add(team(1, team_name="Ops"))
    assert [one for one in (await check.check(NOW)).findings if one.system == "Team names"] == []

    store.teams.teams["t2"] = team(2, team_name="OPS")

    (names,) = [one for one in (await check.check(NOW)).findings if one.system == "Team names"]
    assert names.ok
    assert names.text == (
        "2 teams are named “Ops” (AWS account 000000000001 and AWS account 000000000002). "
        "Commands by name have to ask which one is meant: rename one with edit team 000000000002."
    )


@pytest.mark.parametrize(
    ("embedded", "least"), [(True, MIN_FREE_BYTES_EMBEDDED), (False, MIN_FREE_BYTES)]
)
def test_a_disk_that_is_nearly_full_is_an_error(embedded: bool, least: int) -> None:
    assert disk_finding(least, embedded=embedded).ok
    nearly = disk_finding(least - 1, embedded=embedded)
    assert not nearly.ok
    assert "Make room" in nearly.text


async def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    assert await Disk(folder).free() > 0
    assert list(folder.iterdir()) == []


async def test_a_folder_that_cannot_be_written_says_which_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"DATA_DIR=.*file/x cannot be written \(Not a dir"):
        await Disk(tmp_path / "file" / "x").free()


def test_the_embedded_mongodb_is_called_one_for_trials() -> None:
    assert "MONGO_URL" in mongodb_finding("6.0.24", embedded=True).text
    assert mongodb_finding("6.0.24", embedded=False).text == "answers, version 6.0.24"


def test_the_last_message_from_teams_is_reported() -> None:
    heard = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
    assert teams_text("x", heard) == "signed in as app x; last heard from on 24 Nov 2026 09:05 UTC"


def test_each_trouble_is_one_sentence_and_its_cure() -> None:
    for trouble in troubles():
        wrong, cure = trouble.parts
        assert wrong, trouble
        assert cure.endswith("."), trouble
        assert "127.0.0.1" not in trouble.answer, "an address of this test"


def test_a_trouble_is_split_where_its_cure_begins() -> None:
    assert Trouble("Email", "It is away (a.b). Wait. Or not.").parts == (
        "It is away (a.b)",
        "Wait. Or not.",
    )
