"""What people do in chat from beginning to end, and take back."""

import asyncio
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app import open_agent
from services.adapters.store.client import plain
from services.domain import Actor, RunKind, Team
from services.settings import load_settings
from tests.bot.agent import World, said, world
from tests.cards.reading import words
from tests.makers import NOW
from tests.makers import run as made_run
from tests.moved_time import moved_by
from tests.servers.smtp import FakeSmtp, Faults
from tests.servers.teams import ANA, BOB, CARA, DAN, GUEST, Message, actions_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILE = "application/vnd.microsoft.teams.file.download.info"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("stories")
    async with world(folder, mongo_url) as found:
        await found.says("team search")  # costs are read once
        await found.says("threshold 25")
        yield found


async def team(here: World, name: str) -> Team | None:
    found = [one for one in await here.agent.app.teams.list() if one.team_name == name]
    return found[0] if found else None


async def press(here: World, message: Message, title: str, **inputs: str) -> str:
    """Ana presses; what she then reads, when all is done."""
    known = {one.id: one.version for one in here.sim.messages.values()}
    turn = await here.sim.press(message, title, ANA, inputs)
    await here.quiet()
    new = [one for one in here.sim.messages.values() if known.get(one.id) != one.version]
    return "\n".join([said(turn), *(one.text for one in new)])


async def pressed_for_new(here: World, message: Message, title: str, **inputs: str) -> Message:
    """The new message that a press brings."""
    known = set(here.sim.messages)
    await here.sim.press(message, title, ANA, inputs)
    await here.quiet()
    (brought,) = [one for name, one in here.sim.messages.items() if name not in known]
    return brought


async def whole_history(here: World) -> list[str]:
    """The lines of all its pages."""
    page = await here.says("history")
    lines = page.text.splitlines()
    while "Older" in titles(page):
        lines += (await here.press(page, "Older")).splitlines()
    return lines


def titles(message: Message) -> set[str]:
    return {one["title"] for one in actions_of(message.card)}


def values(message: Message) -> dict[str, str]:
    """What stands in a form's inputs."""
    return {
        one["id"]: one.get("value", "")
        for one in message.card["body"]
        if one["type"].startswith("Input.")
    }


def attached(here: World, name: str, data: bytes) -> list[dict[str, Any]]:
    here.sim.files[name] = data
    content = {"downloadUrl": f"{here.sim.url}/files/{name}", "fileType": "csv"}
    html = {"contentType": "text/html", "content": "<div></div>"}
    return [html, {"contentType": FILE, "name": name, "content": content}]


# One team


async def test_a_team_is_added_by_form_with_what_was_typed_kept_and_taken_back(
    here: World,
) -> None:
    form = await here.says("add team", ANA, "channel")
    typed = {
        "name": "Payments",
        "account": "1234",
        "mail": "no address",
        "admins": "a@example.org, b@@example.org",
        "threshold": "-3",
    }
    wrong = await press(here, form, "Save", **typed)
    for part in ("has 4 digits, needs 12", "address", "above 0"):
        assert part in wrong, wrong
    assert values(form) == typed
    assert await team(here, "Payments") is None

    right = {
        "name": "Payments",
        "account": "0123-4567-8901",
        "mail": "pay@example.org",
        "admins": "a@example.org; b@example.org",
        "threshold": "12,5 %",
    }
    assert "was added by Ana" in await press(here, form, "Save", **right)
    stored = await team(here, "Payments")
    assert stored is not None
    assert (stored.aws_account_id, stored.admin_emails, stored.anomaly_threshold) == (
        "012345678901",
        ("a@example.org", "b@example.org"),
        12.5,
    )
    assert "Save" not in titles(form)

    assert "was removed again. Undone by Ana" in await press(here, form, "Undo")
    assert await team(here, "Payments") is None
    (entry,) = [line for line in await whole_history(here) if "Payments added" in line]
    assert "Ana, Teams" in entry
    assert "(undone)" in entry


async def test_a_second_team_on_an_account_is_reported(here: World) -> None:
    search = await team(here, "Search")
    assert search is not None
    shown = await here.says(f'add team "Other" {search.aws_account_id} o@example.org')
    assert search.aws_account_id in shown.text
    form = await here.says("add team")
    text = await press(
        here, form, "Save", name="Other", account=search.aws_account_id, mail="o@example.org"
    )
    assert search.aws_account_id in text
    assert values(form)["name"] == "Other"
    assert await team(here, "Other") is None


@pytest.mark.parametrize(
    ("text", "said_so"),
    [
        ("add team Checkout", "Give the name, account ID and email address"),
        ('add team "Two words 012345678901 x@example.org', "quotation mark"),
        ("add team X 12345 x@example.org", "Give the name|digits"),
        ("add team X 012345678902", "Give the name"),
        ("add team X 012345678902 nobody", "address"),
        ("add team X 012345678902 x@example.org y@@z", "address"),
    ],
)
async def test_a_typed_team_that_is_wrong_is_not_stored(
    here: World, text: str, said_so: str
) -> None:
    before = here.state()
    assert re.search(said_so, (await here.says(text)).text)
    assert here.state() == before


async def test_a_team_is_added_typed_changed_and_removed_and_each_is_taken_back(
    here: World,
) -> None:
    added = await here.says(
        'add team "Typed One" 999900000001 <mailto:t@example.org> a@example.org,'
    )
    assert "was added by Ana" in added.text
    stored = await team(here, "Typed One")
    assert stored is not None
    assert (stored.team_email, stored.admin_emails) == ("t@example.org", ("a@example.org",))

    form = await here.says("edit team typed one")
    kept = values(form)
    changed = await press(here, form, "Save", **{**kept, "mail": "new@example.org"})
    assert "was changed by Ana" in changed
    again = await here.says("edit team typed one")
    assert "was left as it is" in await press(here, again, "Save", **values(again))
    assert "is as it was before" in await press(here, form, "Undo")
    stored = await team(here, "Typed One")
    assert stored is not None
    assert stored.team_email == "t@example.org"

    question = await here.says("remove team typed one")
    assert "Its costs, reports and history stay stored" in question.text
    assert "removed by Ana" in await press(here, question, "Remove")
    assert await team(here, "Typed One") is None
    assert "is back" in await press(here, question, "Undo")
    back = await team(here, "Typed One")
    assert back is not None
    assert back.model_dump(exclude={"created_at", "updated_at", "version"}) == stored.model_dump(
        exclude={"created_at", "updated_at", "version"}
    )


async def test_what_was_changed_since_is_not_undone(here: World) -> None:
    added = await here.says('add team "Changed" 999900000002 t@example.org')
    form = await here.says("edit team changed")
    await press(here, form, "Save", **{**values(form), "mail": "u@example.org"})
    assert "changed again since" in await press(here, added, "Undo")
    assert await team(here, "Changed") is not None


# Many teams

ROWS = """team_name,aws_account_id,team_email,admin_emails,anomaly_threshold
Imported A,888800000001,a@example.org,x@example.org;y@example.org,15
"Imported, B",888800000002,b@example.org,,
Short,123,c@example.org,,
Search,{search},new@example.org,,
Twice,888800000001,d@example.org,,
"""


async def imported(here: World, question: Message) -> None:
    """The same dry run and the same result, however the teams come."""
    for part in ("2 new", "1 changed", "error", "has 3 digits, needs 12", "duplicates line 2"):
        assert part in question.text, question.text
    assert await team(here, "Imported A") is None
    text = await press(here, question, "Confirm 3")
    assert "2 added, 1 changed" in text
    assert "2 skipped because of errors. Imported by Ana" in text
    stored = await team(here, "Imported, B")
    assert stored is not None
    assert stored.aws_account_id == "888800000002"
    found = await team(here, "Imported A")
    assert found is not None
    assert (found.admin_emails, found.anomaly_threshold) == (
        ("x@example.org", "y@example.org"),
        15,
    )
    changed = await team(here, "Search")
    assert changed is not None
    assert changed.team_email == "new@example.org"
    state = here.state()
    again = await here.sim.press(question.as_it_was(-2), "Confirm 3", ANA)
    assert "applied already" in said(again)
    assert here.state() == state
    for name in ("Imported A", "Imported, B"):
        here.database["teams"].delete_one({"team_name": name})
    here.database["teams"].update_one(
        {"team_name": "Search", "sample": False}, {"$set": {"team_email": "old@example.org"}}
    )


async def rows(here: World) -> str:
    search = await team(here, "Search")
    assert search is not None
    return ROWS.format(search=search.aws_account_id)


async def test_teams_are_imported_by_pasting_csv_into_the_form(here: World) -> None:
    form = await here.says("import teams", ANA, "channel")
    wrong = await press(here, form, "Check", text="team,account\nx,1")
    assert "The header does not have" in wrong
    assert values(form)["text"] == "team,account\nx,1"
    await press(here, form, "Check", text=await rows(here))
    await imported(here, form)


async def test_teams_are_imported_from_an_attached_file(here: World) -> None:
    data = (await rows(here)).encode("utf-16")
    question = await here.says("import teams", attachments=attached(here, "t.csv", data))
    await imported(here, pending_copy(question))


def pending_copy(question: Message) -> Message:
    """The question itself; it was never a form, so that there is one body less."""
    question.before.insert(0, question.body)
    return question


async def test_teams_are_imported_from_lines_after_the_command(here: World) -> None:
    question = await here.says(f"import teams\n{await rows(here)}", ANA, "channel")
    await imported(here, pending_copy(question))


async def test_teams_are_imported_from_json_and_errors_name_row_and_field(here: World) -> None:
    form = await here.says("import teams")
    assert "not valid JSON" in await press(here, form, "Check", text='[{"team_name": ')
    body = (
        '[{"team_name": "J", "aws_account_id": "777700000001", "team_email": "j@example.org"},'
        ' {"team_name": "K", "aws_account_id": 777700000002, "team_email": "k@example.org"}, 5]'
    )
    text = await press(here, form, "Check", text=body)
    assert "1 new" in text
    assert "must be text" in text
    assert "must be an object" in text
    assert "1 added" in await press(here, form, "Confirm 1")
    assert await team(here, "J") is not None


async def test_an_import_of_nothing_new_has_nothing_to_confirm(here: World) -> None:
    export = await here.says("export teams")
    lines = re.search(r"team_name,aws_account_id.*", export.text, re.DOTALL)
    assert lines is not None
    form = await here.says("import teams")
    text = await press(here, form, "Check", text=lines[0])
    assert "0 new" in text
    assert "0 changed" in text
    assert "error" not in text
    assert not any(title.startswith("Confirm") for title in titles(form))


async def test_an_export_comes_back_identical_also_with_odd_names(here: World) -> None:
    for number, name in enumerate(('=1+1 "x", y', "'quoted", "R&D <b>", "Ä ß 東京")):
        body = {
            "team_name": name,
            "aws_account_id": f"66660000000{number}",
            "team_email": "odd@example.org",
            "admin_emails": ["p@example.org", "q@example.org"],
            "anomaly_threshold": 12.5,
        }
        await here.agent.app.teams.add(body, Actor(interface="cli", name="test"), NOW)
    before = [one.model_dump() for one in await here.agent.app.teams.list()]
    export = await here.says("export teams")
    lines = re.search(r"team_name,aws_account_id.*", export.text, re.DOTALL)
    assert lines is not None
    here.database["teams"].delete_many({"aws_account_id": {"$regex": "^6666"}})
    form = await here.says("import teams")
    await press(here, form, "Check", text=lines[0])
    await press(here, form, "Confirm 4")
    after = [one.model_dump() for one in await here.agent.app.teams.list()]
    apart = {"id", "created_at", "updated_at", "version"}
    assert [{k: v for k, v in one.items() if k not in apart} for one in after] == [
        {k: v for k, v in one.items() if k not in apart} for one in before
    ]


async def test_files_from_elsewhere_and_too_large_ones_are_not_fetched(here: World) -> None:
    for address in (
        "https://evil.example.com/t.csv",
        "https://sharepoint.com.evil.example.com/t.csv",
        "http://contoso.sharepoint.com/t.csv",
        "file:///etc/passwd",
        "",
    ):
        content = {"downloadUrl": address}
        attachments = [{"contentType": FILE, "name": "t.csv", "content": content}]
        shown = await here.says("", attachments=attachments)
        assert "not stored in Teams" in shown.text, address
    large = attached(here, "large.csv", b"team_name\n" + b"x" * 5_100_000)
    assert "MB" in (await here.says("import teams", attachments=large)).text
    missing = attached(here, "missing.csv", b"")
    del here.sim.files["missing.csv"]
    assert "Attach it again" in (await here.says("", attachments=missing)).text


# Thresholds, schedule, recipients


async def test_a_threshold_is_looked_at_saved_and_taken_back(here: World) -> None:
    shown = await here.says("threshold 31")
    assert "20% to 31%" in shown.text
    assert "Save 31%" in titles(shown)
    before = (await here.says("threshold")).text
    assert "Saved by Ana" in await press(here, shown, "Save 31%")
    assert "31%" in (await here.says("threshold")).text
    assert "as they were before" in await press(here, shown, "Undo")
    assert (await here.says("threshold")).text == before

    own = await here.says("threshold 41.25 for search")
    assert "for Search" in own.text
    await press(here, own, "Save 41.25%")
    stored = await team(here, "Search")
    assert stored is not None
    assert stored.anomaly_threshold == 41.25
    await press(here, own, "Undo")
    stored = await team(here, "Search")
    assert stored is not None
    assert stored.anomaly_threshold is None

    least = await here.says("threshold min 1500000")
    await press(here, least, "Save.*")
    config = here.database["notification_config"].find_one()
    assert config["min_increase"] == 1_500_000
    await press(here, least, "Undo")


@pytest.mark.parametrize(
    "text", ["threshold 0", "threshold -5", "threshold abc", "threshold 25 min 5 for search"]
)
async def test_an_invalid_threshold_is_not_previewed(here: World, text: str) -> None:
    shown = await here.says(text)
    assert not any(title.startswith("Save") for title in titles(shown))


async def test_the_schedule_is_changed_by_form_and_typed_and_taken_back(here: World) -> None:
    form = await here.says("schedule")
    wrong = await press(here, form, "Change", day="friday", hour="7", zone="Mars/Base")
    assert "zone" in wrong
    form = await here.says("schedule")
    right = await press(here, form, "Change", day="friday", hour="7", zone="Asia/Tokyo")
    assert "Friday 07:00 Asia/Tokyo" in right
    assert "Monday 09:00 UTC" not in (await here.says("schedule")).text
    await press(here, form, "Undo")
    assert "Monday 09:00 UTC" in (await here.says("schedule")).text
    typed = await here.says("schedule wed 18:00 Europe/Berlin")
    assert "Wednesday 18:00 Europe/Berlin" in typed.text
    await press(here, typed, "Undo")
    for odd in ("schedule someday 9", "schedule monday 24", "schedule monday", "schedule t 9"):
        before = here.state()
        assert not titles(await here.says(odd)) & {"Undo"}
        assert here.state() == before


async def test_a_schedule_whose_new_time_has_passed_says_what_becomes_of_this_week(
    here: World,
) -> None:
    ahead = await here.says("schedule friday 9 UTC")
    assert "the week of" not in ahead.text
    earlier = await here.says("schedule tuesday 8 UTC")
    assert "the reports of the week of 23 Nov has already passed" in earlier.text
    assert "Next: Tue 1 Dec" in earlier.text
    asked = await pressed_for_new(here, earlier, "Send this week's reports…")
    assert "Week of 23 Nov: " in asked.text
    assert any(title.startswith("Send ") for title in titles(asked))
    undone = await press(here, earlier, "Undo")
    assert "run report" not in undone
    back = await here.says("schedule monday 9 UTC")
    assert "has already passed" in back.text


async def test_recipients_are_added_removed_and_saved_by_form(here: World) -> None:
    await here.says("recipients add One@example.org")
    await here.says("recipients add <mailto:two@example.org>")
    await here.says("recipients add one@example.org")  # the same one
    form = await here.says("recipients")
    assert values(form)["mails"] == "One@example.org, two@example.org"
    assert "not one of the addresses" in (await here.says("recipients remove x@y.org")).text
    await here.says("recipients remove ONE@example.org")
    text = await press(here, form, "Save", mails="a@example.org b@example.org;a@example.org")
    assert "a@example.org, b@example.org" in text
    await press(here, form, "Undo")
    assert "two@example.org" in (await here.says("recipients")).text
    await here.says("recipients remove two@example.org")


async def test_two_who_add_an_address_at_once_both_add_it(here: World) -> None:
    await here.says("grant <at>Dan</at>", ANA, "group", mentions=[DAN])
    await asyncio.gather(
        here.sim.say("recipients add ana@example.org", ANA),
        here.sim.say("recipients add dan@example.org", DAN),
    )
    config = here.database["notification_config"].find_one()
    assert set(config["global_admin_emails"]) == {"ana@example.org", "dan@example.org"}
    await here.says("recipients remove ana@example.org")
    await here.says("recipients remove dan@example.org")
    await here.says("revoke Dan")


# Roles


async def test_a_role_is_granted_by_mention_and_taken_back(here: World) -> None:
    assert "Only admins" in (await here.says("history", BOB)).text
    granted = await here.says("grant <at>Bob</at>", ANA, "channel", mentions=[BOB])
    assert "Bob is an admin now" in granted.text
    assert (
        "is an admin already"
        in (await here.says("grant <at>Bob</at>", ANA, "group", mentions=[BOB])).text
    )
    assert "Changes" in (await here.says("history", BOB)).text
    assert (
        "because of ADMIN_AAD_OBJECT_IDS"
        in (await here.says("revoke <at>Ana</at>", BOB, "channel", mentions=[ANA])).text
    )
    assert "Bob is no longer an admin" in (await here.says(f"revoke {BOB.object_id}", ANA)).text
    assert "Only admins" in (await here.says("history", BOB)).text
    entries = list(here.database["audit"].find({"action": {"$regex": "^role"}}).sort("at", 1))
    assert {entry["subject"] for entry in entries} >= {BOB.object_id}


@pytest.mark.parametrize(
    ("text", "people", "expected"),
    [
        ("grant", [], "Mention one person"),
        ("grant <at>Bob</at> <at>Dan</at>", [BOB, DAN], "Mention one person"),
        ("grant <at>Cara</at>", [CARA], "does not know Cara"),
    ],
)
async def test_a_role_goes_to_one_known_member_only(
    here: World, text: str, people: list[Any], expected: str
) -> None:
    before = here.state()
    assert expected in (await here.says(text, ANA, "channel", mentions=people)).text
    assert here.state() == before


async def test_a_guest_and_a_false_name_get_no_role(here: World) -> None:
    assert (
        "Guests cannot"
        in (await here.says("grant <at>Gil</at>", ANA, "channel", mentions=[GUEST])).text
    )
    activity = here.sim.written("grant <at>Ana</at>", ANA, "channel", mentions=[DAN])
    activity["entities"][0]["mentioned"]["name"] = "Ana"
    assert "Dan is an admin now" in (await here.answer(activity)).text
    await here.says("revoke Dan")


async def test_the_first_admin_has_the_code_and_the_last_one_stays(
    mongo_url: str, tmp_path: Path
) -> None:
    async with world(tmp_path, mongo_url, ADMIN_AAD_OBJECT_IDS="") as there:
        roles = there.agent.app.administration.roles
        await roles.create_code(NOW)
        code = await roles.create_code(NOW)
        assert code not in str(list(there.database["admin_codes"].find()))
        for _ in range(3):
            assert "The code is wrong" in (await there.says("claim 0000", BOB)).text
        turns = await asyncio.gather(
            *(there.sim.say(f"claim {code}", one) for one in (BOB, DAN, CARA))
        )
        assert {turn.status for turn in turns} == {201}
        (first,) = list(there.database["admins"].find())
        boss = next(one for one in (BOB, DAN, CARA) if one.object_id == first["object_id"])
        assert "already" in (await there.says(f"claim {code}", ANA)).text
        assert there.database["admin_codes"].count_documents({}) == 0
        assert "last admin" in (await there.says(f"revoke {boss.name}", boss)).text
        other = DAN if boss is not DAN else BOB
        granter = boss if boss is not CARA else None
        if granter is not None:
            text = f"grant <at>{other.name}</at>"
            await there.says(text, granter, "group", mentions=[other])
            await asyncio.gather(
                there.sim.say(f"revoke {other.name}", boss),
                there.sim.say(f"revoke {boss.name}", other),
            )
            assert there.database["admins"].count_documents({}) >= 1


async def test_after_five_wrong_codes_only_the_guesser_needs_another_one(
    mongo_url: str, tmp_path: Path
) -> None:
    async with world(tmp_path, mongo_url, ADMIN_AAD_OBJECT_IDS="") as there:
        # The command line creates codes in a process of its own.
        settings = load_settings(there.environment)
        async with open_agent(settings, clock_of=moved_by(lambda: NOW)) as other:
            code = await other.app.administration.roles.create_code(NOW)
        await asyncio.gather(*(there.sim.say(f"claim {n}", BOB) for n in range(7)))
        assert "claim-code" in (await there.says(f"claim {code}", BOB)).text
        assert there.database["admins"].count_documents({}) == 0
        async with open_agent(settings, clock_of=moved_by(lambda: NOW)) as other:
            newer = await other.app.administration.roles.create_code(NOW)
        assert "The code is wrong" in (await there.says("claim 1", BOB)).text
        for n in range(7):
            await there.says(f"claim {n}", BOB)
        assert "is an admin now" in (await there.says(f"claim {code}", CARA)).text
        assert "already" in (await there.says(f"claim {newer}", BOB)).text


# Reports


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mailing(
    mongo_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[World, FakeSmtp]]:
    """The same with real mail; the operator has allowed to mail sample data."""
    folder: Path = tmp_path_factory.mktemp("mailing")
    faults = Faults(refuse={"team85@example.org": "550 mailbox full"})
    async with FakeSmtp(faults) as smtp:
        more: Any = smtp.environment()
        async with world(folder, mongo_url, mail_sample_data=True, **more) as found:
            await found.says("recipients add cfo@example.org")
            await found.says("team search")
            yield found, smtp


async def test_a_teams_report_is_confirmed_and_sent_once_however_often_it_is_pressed(
    mailing: tuple[World, FakeSmtp],
) -> None:
    here, smtp = mailing
    smtp.mails.clear()
    question = await here.says("send search", ANA, "channel")
    found = await team(here, "Search")
    assert found is not None
    assert "1 email to Search" in question.text
    assert found.team_email in question.text.replace("\\", "")
    assert "None sent before" in question.text
    await asyncio.gather(*(here.sim.press(question.as_it_was(), "Send 1 email") for _ in range(3)))
    await here.sim.until(lambda: "1 of 1 sent" in question.text)
    await here.quiet()
    await here.sim.press(question.as_it_was(), "Send 1 email")
    await here.quiet()
    assert [mail.recipient for mail in smtp.mails] == [found.team_email]
    assert "by Ana" in question.text
    again = await here.says("send search")
    assert "1 already sent" in again.text
    await here.sim.press(again, "Send 1 email")
    await here.sim.until(lambda: "1 of 1 sent" in again.text)
    await here.quiet()
    assert len(smtp.mails) == 2
    entries = here.database["audit"].find({"action": "run.start", "subject": found.id})
    assert [entry["actor"]["id"] for entry in entries] == [ANA.object_id] * 2


async def test_the_weeks_reports_go_out_with_progress_and_what_failed_is_retried(
    mailing: tuple[World, FakeSmtp],
) -> None:
    here, smtp = mailing
    smtp.mails.clear()
    question = await here.says("run report", ANA, "channel")
    assert "6 emails to 6 teams" in question.text
    assert "1 to admins" in question.text
    await here.sim.press(question, "Send 7 emails")
    await here.sim.until(lambda: "6 of 7 sent" in question.text)
    await here.quiet()
    assert "550 mailbox full" in question.text
    assert len(smtp.mails) == 6
    old = question.as_it_was(-1)
    smtp.faults.refuse.clear()
    turns = await asyncio.gather(*(here.sim.press(old, "Retry 1") for _ in range(3)))
    assert {turn.status for turn in turns} == {200}
    await here.sim.until(lambda: "7 of 7 sent" in question.text)
    await here.quiet()
    assert sorted(mail.recipient for mail in smtp.mails) == sorted(
        ["cfo@example.org", *(f"team{n}@example.org" for n in numbers(here))]
    )
    assert "Retry" not in str(titles(question))
    again = await here.sim.press(old, "Retry 1")
    await here.quiet()
    assert "7 of 7 sent" in said(again)
    details = await pressed_for_new(here, question, "Details")
    assert "7 sent" in details.text
    assert len(smtp.mails) == 7
    assert here.database["audit"].count_documents({"action": "run.retry"}) == 1


def numbers(here: World) -> list[int]:
    return [
        int(doc["team_email"].removeprefix("team").partition("@")[0])
        for doc in here.database["teams"].find({"sample": False})
    ]


async def test_a_question_of_another_week_sends_nothing(here: World) -> None:
    question = await here.says("send search")
    payload = {"verb": "send.yes", "team": "weekly", "period": "2026-W47", "value": "1"}
    assert "another week" in said(await here.sim.press_raw(question, payload, ANA))
    payload = {"verb": "send.yes", "team": "weekly", "period": "2026-W48", "value": "7"}
    assert "another week" in said(await here.sim.press_raw(question, payload, ANA))
    assert here.database["runs"].count_documents({"kind": "weekly"}) == 0


async def test_the_preview_leads_to_the_email_itself(here: World) -> None:
    (team,) = [one for one in await here.agent.app.teams.list() if one.team_name == "Search"]
    preview = await here.says("preview search")
    mail = await pressed_for_new(here, preview, "Open email")
    assert "SAMPLE DATA" in mail.text
    assert f"To {team.team_email}" in mail.text
    admin = await here.says("preview admin")
    whole = await pressed_for_new(here, admin, "Open email")
    assert "AWS costs" in whole.text


# Costs


AMOUNT = re.compile(r"([+−-]?)\$([\d,]+\.\d\d)")


def amount(text: str) -> Decimal:
    sign, digits = AMOUNT.findall(text)[0]
    return Decimal(digits.replace(",", "")) * (-1 if sign in {"−", "-"} else 1)


@pytest.mark.parametrize("text", ["explain search", "explain checkout 2026-W45", "why team 1"])
async def test_an_explanation_adds_up_to_the_cent(here: World, text: str) -> None:
    shown = await here.says(text, BOB)
    (table,) = [one for one in shown.card["body"] if one["type"] == "Table"]
    cells = [
        ["\n".join(map(words, cell["items"])) for cell in row["cells"]] for row in table["rows"]
    ][1:]
    running = amount(cells[0][2])
    for _, step, after in cells[1:-1]:
        running += amount(step) if "$" in step else 0
        assert amount(after) == running
    assert amount(cells[-1][2]) == running
    assert amount(cells[-1][1]) == running - amount(cells[0][2])


async def test_costs_of_a_month_and_of_thirty_days_lead_to_each_other(here: World) -> None:
    month = await here.says("costs search", ANA)
    days = await pressed_for_new(here, month, "Last 30 days")
    assert "23 Oct–21 Nov" in days.text
    back = await pressed_for_new(here, days, "This month")
    assert back.text == month.text


async def test_a_change_is_announced_once_and_cancelled(here: World) -> None:
    text = "expect search +30% from 3 Nov to 20 Nov because we move"
    activity = here.sim.written(text)
    shown = await here.answer(activity)
    assert "+30.0%" in shown.text
    assert "we move" in shown.text
    await here.sim.post(activity)  # Teams sends it again
    assert here.database["plans"].count_documents({"reason": "we move"}) == 1
    assert "was canceled by Ana" in await press(here, shown, "Undo")
    assert here.database["plans"].count_documents({"reason": "we move"}) == 0
    history = (await here.says("history search")).text
    assert "planned change" in history


@pytest.mark.parametrize(
    "text",
    [
        "expect search",
        "expect search 30 from 3 Nov to 20 Nov",
        "expect search +30% from 20 Nov to 3 Nov",
        "expect search +30% from someday to 3 Nov",
        "expect search -100% from 3 Nov to 20 Nov",
        "expect search +0% from 3 Nov to 20 Nov",
        "expect wombat +30% from 3 Nov to 20 Nov",
    ],
)
async def test_an_invalid_announcement_is_not_stored(here: World, text: str) -> None:
    before = here.state()
    assert (await here.says(text)).text
    assert here.state() == before


# Texts that are no command, and looking again


async def test_the_command_that_was_meant_is_a_button_with_the_rights_of_whoever_presses(
    here: World,
) -> None:
    meant = await here.says("scheduel", BOB)
    assert "Did you mean schedule?" in meant.text
    shown = await here.sim.press(meant, "Run schedule", BOB)
    await here.quiet()
    assert shown.status == 200
    assert here.messages("personal", "Europe") or here.messages("personal", "UTC")
    admins_only = await here.says("recipint", BOB)
    assert "Only admins can do this. Admins: " in await here.press(
        admins_only, "Run recipients", BOB
    )
    forged = {"verb": "command", "text": "schedule friday 9 UTC"}
    assert "Only admins" in said(await here.sim.press_raw(meant, forged, BOB))


async def test_a_refreshed_status_says_when_it_was_looked_at(here: World) -> None:
    status = await here.says("status")
    assert "Checked 24 Nov 09:00:00 UTC." in status.text
    await here.press(status, "Refresh")
    await here.quiet()
    assert "Checked 24 Nov 09:00:00 UTC." in status.text
    assert status.version == 2


async def test_status_names_what_keeps_the_emails_of_a_run_waiting(here: World) -> None:
    refused = "The mail server does not accept email from costs@example.org. Set SENDER_EMAIL."
    waiting = made_run("w", source="sample", kind=RunKind.TEAM, planned=True, last_error=refused)
    runs = here.database["runs"]
    runs.insert_one({"_id": waiting.id, **plain(waiting.model_dump(exclude={"id"}))})
    assert refused in (await here.says("status")).text
    runs.update_one({"_id": waiting.id}, {"$set": {"state": "done"}})
    assert refused not in (await here.says("status")).text
    runs.delete_one({"_id": waiting.id})


# History, alerts


async def test_history_undoes_a_change_of_the_past_and_says_so(here: World) -> None:
    await here.says('add team "Past" 555500000001 p@example.org')
    history = await here.says("history past")
    (choice,) = [one for one in history.card["body"] if one["type"] == "Input.ChoiceSet"]
    text = await press(here, history, "Undo", entry=choice["choices"][0]["value"])
    assert "Undone by Ana" in text
    assert await team(here, "Past") is None
    entries = list(here.database["audit"].find({"after.team_name": "Past"}))
    assert [bool(entry["undone_at"]) for entry in entries] == [True]


async def test_alerts_are_turned_on_tested_and_off(here: World) -> None:
    on = await here.says("alerts here", ANA, "channel")
    assert "Alerts are sent here" in on.text
    again = await here.says("alerts here", ANA, "channel")
    assert "Alerts are sent here" in again.text
    known = set(here.sim.messages)
    assert "A test message was posted" in await press(here, on, "Test")
    (test,) = [one for name, one in here.sim.messages.items() if name not in known]
    assert test.conversation.endswith(f";messageid={test.id}")  # a post of its own
    assert "alerts reach this conversation" in test.text
    where = await here.says("alerts", ANA)
    assert "Send alerts here" in titles(where)
    assert "Turned off by Ana" in await press(here, on, "Turn off")
    assert "Alerts are already off" in (await here.says("alerts off", ANA, "channel")).text
    actions = [one["action"] for one in here.database["audit"].find({"action": {"$regex": "^al"}})]
    assert actions == ["alerts.on", "alerts.off"]
