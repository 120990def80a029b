"""``forget``: a person out of all that is stored, on data that an agent has really stored."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo import MongoClient

from cli.forget import forget
from cli.run_report import work_on_report
from services.adapters.store.erasure import Cleaner
from services.domain import Actor, Identity, Person, RunState
from services.domain.errors import ConflictError, InvalidError
from services.operations.erasure import identity_of
from tests.conftest import AgentProcess
from tests.data.record import SECRET_KEY
from tests.data.test_stored_data import Upgraded, recording, upgraded
from tests.servers.teams import ANA, BOB, TENANT, conversation_of

LATEST = "datadog:weekly:2026-W48~1"
LEAD, FINANCE = "lead@example.org", "finance@example.org"
ACTOR = Actor(interface="cli", name="test")


def everything(database: Any) -> str:
    """All documents of all collections as text; packed CSV files unpacked."""
    found = []
    for name in database.list_collection_names():
        for doc in database[name].find():
            found.append(f"{name} {json_util.dumps(doc)}")
            found += [
                str(one["content"]) for one in doc.get("rendered", {}).get("attachments", [])
            ]
    return "\n".join(found).casefold()


@pytest.fixture
async def today(mongo_url: str, tmp_path: Path) -> AsyncIterator[Upgraded]:
    """Data with sent and failed mails, answers, a planned change, and a person everywhere."""
    async with upgraded(recording("version-2"), mongo_url, tmp_path) as found:
        await found.finish_the_killed_run()
        # Notices of before are told too, so that no run is open.
        await found.world.agent.tick()
        await found.world.quiet()
        yield found


async def bob_everywhere(today: Upgraded) -> None:
    """Bob is an admin, has a chat of his own, answers, plans and pastes."""
    world = today.world
    app = world.agent.app
    person = Person(object_id=BOB.object_id, tenant_id=TENANT, name=BOB.name)
    await world.agent.app.administration.roles.grant(person, "Ana", ACTOR, today.clock())
    await world.says("recipients add bob@example.org", BOB)
    await world.says('expect "Team 2" +10% from 2026-11-01 to 2026-11-30 because bob said so', BOB)
    await world.says("alerts here", BOB)
    await app.teams.change(
        (await app.teams.list())[0].id,
        {"admin_emails": [LEAD, "Bob@Example.org", "jo.bob@example.org"]},
        ACTOR,
        today.clock(),
    )
    await work_on_report(app, team="Team 0")
    await world.quiet()


async def test_after_it_no_document_names_the_person(
    today: Upgraded, capsys: pytest.CaptureFixture[str]
) -> None:
    await bob_everywhere(today)
    database = today.world.database
    before = everything(database)
    assert "bob@example.org" in before.replace("jo.bob@example.org", "")
    assert BOB.object_id in before
    assert '"bob"' in before
    today.clock.move(minutes=1)

    result = await forget(today.world.agent.app, ["bob@example.org", BOB.object_id], yes=True)

    shown = capsys.readouterr().out
    assert result == 0, shown
    for line in ("report of Team 0", "consolidated report", "admin roles", "deliveries"):
        assert line in shown
    after = everything(database)
    assert "bob@example.org" not in after.replace("jo.bob@example.org", "")
    assert BOB.object_id not in after
    assert '"bob"' not in after
    assert conversation_of("personal", BOB) not in after
    assert "jo.bob@example.org" in after  # somebody else
    assert LEAD in after
    (team,) = [one for one in await today.world.agent.app.teams.list() if one.version > 1]
    assert today.clock() - team.updated_at < timedelta(seconds=1)
    assert ANA.object_id in after
    (entry,) = database["audit"].find({"action": "person.forget"})
    assert entry["subject"] == "person"
    assert entry["after"]["deliveries"] >= 1
    assert entry["actor"] == {"interface": "cli", "name": "forget", "id": ""}


async def test_nobody_is_mailed_again_after_it_and_only_the_person_not_next_week(
    today: Upgraded,
) -> None:
    app = today.world.agent.app
    (run, *_) = await app.runs.views.newest(1)
    counts = {
        one.id: await app.runs.views.counts(one.id) for one in await app.runs.views.newest(20)
    }
    sent = len(today.smtp.mails)

    await forget(app, [LEAD], yes=True)
    view, worked = await work_on_report(app)
    await work_on_report(app, retry=True)
    await today.world.agent.tick()
    await today.world.quiet()

    assert not worked
    again = [mail.recipient for mail in today.smtp.mails[sent:]]
    assert again == [], "only what had failed is tried again, and it fails"
    for run_id, number in counts.items():
        assert await app.runs.views.counts(run_id) == number

    today.clock.move(days=7)
    view, worked = await work_on_report(app)
    assert worked
    assert view.run.state is RunState.DONE
    new = [mail.recipient for mail in today.smtp.mails[sent:]]
    assert sorted(new) == sorted(
        [FINANCE, "team0@example.org", "team2@example.org", "team3@example.org"]
    )
    assert run.id != view.run.id


async def test_what_had_failed_for_the_person_is_not_tried_again(today: Upgraded) -> None:
    app, deliveries = today.world.agent.app, today.world.database["deliveries"]
    deliveries.update_one({"recipient": LEAD, "run_id": LATEST}, {"$set": {"state": "failed"}})
    sent = len(today.smtp.mails)

    await forget(app, [LEAD], yes=True)
    await work_on_report(app, retry=True)

    assert today.smtp.mails[sent:] == []
    (left,) = deliveries.find({"recipient": "removed", "run_id": LATEST})
    assert left["state"] == "skipped"
    hashed = hashlib.sha256(LEAD.encode()).hexdigest()[:20]
    assert hashed not in everything(today.world.database), "no hash of the address either"


async def test_what_hinders_is_named_before_anything_is_changed(
    mongo_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with upgraded(recording("version-2"), mongo_url, tmp_path) as today:
        before = everything(today.world.database)
        app = today.world.agent.app
        with pytest.raises(ConflictError) as hindered:
            words = ["team0@example.org", ANA.object_id, "costs@example.org"]
            await forget(app, words, yes=True)
        for part in (
            "the address of the team Team 0",
            "ADMIN_AAD_OBJECT_IDS",
            "SENDER_EMAIL",
            "datadog:weekly:2026-W48 is still open",
        ):
            assert part in str(hindered.value)
        with pytest.raises(ConflictError, match="use --yes"):
            await today.finish_the_killed_run()
            await today.world.agent.tick()
            await today.world.quiet()
            await forget(app, [LEAD], yes=False)
        assert LEAD in before
        assert LEAD in everything(today.world.database)
    assert "gets the report of Team 0" in capsys.readouterr().out


async def test_the_command_removes_captured_emails_too(tmp_path: Path, mongo_url: str) -> None:
    database = f"test_{secrets.token_hex(6)}"
    agent = AgentProcess(
        {
            "DATA_DIR": str(tmp_path),
            "MONGO_URL": mongo_url,
            "DB_NAME": database,
            "SECRET_KEY": SECRET_KEY,
        }
    )
    teams = tmp_path / "teams.csv"
    teams.write_text(
        "team_name,aws_account_id,team_email,admin_emails\nA,123456789012,a@x.org,cy@x.org\n"
    )
    assert (await agent.run("import-teams", str(teams))).returncode == 0
    assert (await agent.run("run-report")).returncode == 0
    mails = {path: path.read_bytes() for path in (tmp_path / "outbox").glob("*.eml")}
    assert any(b"To: cy@x.org" in raw for raw in mails.values())

    refused = await agent.run("forget", "cy@x.org")
    assert refused.returncode == 1
    assert "Nothing was removed. Answer yes, or use --yes." in refused.stderr
    assert "1 captured emails in the outbox" in refused.stdout
    result = await agent.run("forget", "cy@x.org", "--yes")

    assert result.returncode == 0, result.stderr
    left = [path.read_bytes() for path in (tmp_path / "outbox").glob("*.eml")]
    assert len(left) == len(mails) - 1
    assert not any(b"cy@x.org" in raw for raw in left)
    with MongoClient[dict[str, Any]](mongo_url) as client:
        assert "cy@x.org" not in everything(client[database])
        client.drop_database(database)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("To ann@x.org.", "To removed."),
        ("<ANN@X.ORG>, joe@x.org", "<removed>, joe@x.org"),
        ("jo.ann@x.org ann@x.org.au ann@x.org-b", "jo.ann@x.org ann@x.org.au ann@x.org-b"),
        ("o&#x27;hara@x.org", "removed"),
        ("{'ann@x.org': 550}, o'ann@x.org", "{'removed': 550}, o'ann@x.org"),
    ],
)
def test_whole_addresses_are_taken_out_and_no_parts_of_others(text: str, left: str) -> None:
    cleaner = Cleaner("reports", Identity(addresses=("ann@x.org", "o'hara@x.org")))
    assert cleaner.clean({"html": text}) == {"html": left}
    assert cleaner.clean({"file": text.encode()}) == {"file": left.encode()}


@pytest.mark.parametrize("word", ["", "Ana", "a b@x.org", "1234567", "x" * 7])
def test_text_that_is_neither_an_address_nor_an_id_is_refused(word: str) -> None:
    with pytest.raises(InvalidError, match="neither an email address nor an ID"):
        identity_of([word])
