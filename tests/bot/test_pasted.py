"""What people paste, mistype, quote and edit."""

import csv
import io
import re
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.activities import FILE
from services.domain import Team
from tests.bot.agent import World, world
from tests.servers.teams import ANA, BOB, BOT, CHANNEL_ID, Message, Where, actions_of, where_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("Checkout", "Café Süd", "Men’s Wear", "Data – EU", "Team 005", "Search")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("pasted"), mongo_url, teams=NAMES) as found:
        await found.says("team search")  # costs are read once
        yield found


async def team(here: World, name: str) -> Team:
    return next(one for one in await here.agent.app.teams.list() if one.team_name == name)


def titles(message: Message) -> list[str]:
    return [one["title"] for one in actions_of(message.card)]


# Numbers


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("threshold min 1,000", r"\$25.00 to \$1,000.00"),
        ("threshold min 1.000", r"\$25.00 to \$1,000.00"),
        ("threshold min $50", r"\$25.00 to \$50.00"),
        ("threshold min 1.000,50", r"\$25.00 to \$1,000.50"),
        ("threshold 12,5", "20% to 12.5%"),
        ("threshold 1,000", "20% to 1,000%"),
        ("threshold 1,000% for search", "for Search: 20% to 1,000%"),
        ("threshold 30 min 60", r"20% to 30%, minimum increase \$25.00 to \$60.00"),
        ("threshold 33,333", "can be read in two ways; write 33.3330 or 33333"),
        ("threshold 25_0", "is not a percentage"),
        ("threshold min €50", "is not in USD"),
    ],
)
async def test_a_typed_number_is_what_it_looks_like(here: World, text: str, shown: str) -> None:
    assert re.search(shown, (await here.says(text)).text)


async def test_what_is_saved_is_what_was_shown(here: World) -> None:
    shown = await here.says("threshold min 1,000")
    assert r"minimum increase $1,000.00" in await here.press(shown, "Save")
    assert here.database["notification_config"].find_one({})["min_increase"] == 1000
    await here.press(shown, "Undo")


async def test_the_form_of_a_team_reads_its_threshold_and_its_addresses(here: World) -> None:
    form = await here.says("add team")
    typed = {
        "name": "Pasted",
        "account": "'0909\u20110909\u20110909",
        "mail": "Given Family <given@example.com>",
        "admins": "Family, Given <lead@example.com>; b@example.com, c@example.com",
        "threshold": "33,333",
    }
    await here.sim.press(form, "Save", ANA, typed)
    assert "can be read in two ways; write 33.3330 or 33333" in form.text
    await here.sim.press(form, "Save", ANA, {**typed, "threshold": "1,000"})
    stored = await team(here, "Pasted")
    assert (stored.aws_account_id, stored.team_email) == ("090909090909", "given@example.com")
    assert stored.admin_emails == ("lead@example.com", "b@example.com", "c@example.com")
    assert stored.anomaly_threshold == 1000
    edit = await here.says("edit team pasted")
    await here.sim.press(edit, "Save", ANA, {"mail": "a@example.com; b@example.com"})
    assert "has 2 addresses; give one" in edit.text


async def test_a_team_is_added_in_one_line_with_addresses_as_they_are_pasted(here: World) -> None:
    text = 'add team "Typed" 0808\u20110808\u20110808 T <t@example.com>; Lead <l@example.com>, m@example.com'
    assert "was added by Ana" in (await here.says(text)).text
    stored = await team(here, "Typed")
    assert (stored.aws_account_id, stored.team_email) == ("080808080808", "t@example.com")
    assert stored.admin_emails == ("l@example.com", "m@example.com")


async def test_recipients_are_added_and_removed_as_they_are_pasted(here: World) -> None:
    shown = await here.says("recipients add Given Family <given@example.com>")
    assert "goes to given@example.com" in shown.text
    shown = await here.says("recipients add ann@example.com; bob@example.com")
    assert "given@example.com, ann@example.com, bob@example.com" in shown.text
    shown = await here.says("recipients remove Ann <ann@example.com>, bob@example.com")
    assert "goes to given@example.com. Saved" in shown.text
    assert "nobody" in (await here.says("recipients add nobody")).text


async def test_a_text_that_is_too_long_is_refused_and_not_cut(here: World) -> None:
    addresses = [f"{'a' * 60}{number}@example.com" for number in range(60)]
    answer = await here.says(f"recipients add {' '.join(addresses)}")
    assert "Nothing was changed: the message has 4,493 characters after the command" in answer.text
    assert "aaaa" not in (await here.says("recipients")).text


async def test_a_preview_of_an_import_shows_thresholds(here: World) -> None:
    form = await here.says("import teams")
    await here.sim.press(
        form,
        "Check",
        ANA,
        {
            "text": "\ufeff\ufeffteam_name,aws_account_id,team_email,anomaly_\u200bthreshold\n"
            'New One,111122223333,n@example.org,"1,000"\n'
            "New Two,111122223334,n@example.org,2_5\n"
        },
    )
    assert "New: New One, 111122223333, threshold 1,000%" in form.text
    assert "Row 3: Threshold “2_5” is not a percentage" in form.text


async def test_json_is_read_as_csv_is(here: World) -> None:
    form = await here.says("import teams")
    row = '"team_name": "J", "aws_account_id": "444455556666", "team_email": "J <j@example.org>"'
    text = f'\ufeff[{{{row}, "anomaly_threshold": "1,000", "admin_emails": "a@x.org, b@x.org"}}]'
    await here.sim.press(form, "Check", ANA, {"text": text})
    assert "New: J, 444455556666, threshold 1,000%" in form.text


# Names that look the same


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (unicodedata.normalize("NFD", "café süd"), "Café Süd"),
        ("CAFÉ\u00a0SÜD", "Café Süd"),
        ("Men's Wear", "Men’s Wear"),
        ("men's", "Men’s Wear"),
        ("data - eu", "Data – EU"),
        ("Data \u2014 EU", "Data – EU"),
        ("checkout\u200b", "Checkout"),
    ],
)
async def test_a_name_that_looks_the_same_is_found(here: World, typed: str, name: str) -> None:
    assert name in (await here.says(f"team {typed}")).text
    assert name in (await here.says(f"teams {typed}")).text


# Quotes


def quote(message_id: str) -> tuple[str, dict[str, Any]]:
    """The marker in the text and the entity of a reply that quotes a message."""
    return f'<quoted messageId="{message_id}"/>', {
        "type": "quotedReply",
        "quotedReply": {
            "messageId": message_id,
            "senderId": BOT["id"],
            "senderName": BOT["name"],
            "preview": "Search 012345678901",
        },
    }


def quoting(here: World, text: str, where: Where = "personal") -> dict[str, Any]:
    """A message with ``{quote}`` in its text, as somebody sends it."""
    marker, entity = quote("1770000000001")
    activity = here.sim.written(text.replace("{quote}", marker), ANA, where)
    activity["entities"].append(entity)
    return activity


async def test_a_reply_that_quotes_a_message_is_the_command_beside_the_quote(here: World) -> None:
    whoami = await here.answer(quoting(here, "{quote} whoami"))
    assert "Ana" in whoami.text
    assert "recognize" not in whoami.text
    before = quoting(here, "teams", "group")
    before["text"] = f"{quote('1770000000001')[0]} {before['text']}"
    for activity in (
        quoting(here, "{quote} teams", "group"),
        quoting(here, "teams {quote}", "group"),
        quoting(here, "{quote}{quote} teams", "group"),
        before,
    ):
        assert re.search(r"\d teams", (await here.answer(activity)).text)


async def test_a_reply_to_an_alert_explains_that_anomaly(here: World) -> None:
    search, checkout = await team(here, "Search"), await team(here, "Checkout")
    message_id = ""
    for owner, excess in ((search, 611), (checkout, 622)):
        message_id = (await here.alert(owner, "group", excess))[1].id
        marker, entity = quote(message_id)
        activity = here.sim.written(f"{marker} explain", BOB, "group")
        activity["entities"].append(entity)
        shown = (await here.answer(activity)).text
        assert f"{owner.team_name} {owner.aws_account_id}: EC2" in shown
        assert f"${excess}.00" in shown
        assert "Running total" in shown
    again = await here.answer(quoting(here, "{quote} explain", "group"))
    assert "Running total" not in again.text  # that message was no alert
    named = here.sim.written(f"{quote(message_id)[0]} explain search", BOB, "group")
    assert "Search · AWS account" in (await here.answer(named)).text


async def test_explain_in_the_thread_of_an_alert_explains_it(here: World) -> None:
    search = await team(here, "Search")
    _, alert = await here.alert(search, "channel", 633)
    activity = here.sim.written("explain", BOB, "channel", thread=alert.conversation)
    shown = (await here.answer(activity)).text
    assert "$633.00" in shown
    assert "Running total" in shown


# Typing errors


async def test_a_mistyped_command_is_offered_with_what_follows_it(here: World) -> None:
    shown = await here.says("prewiev Team 005", BOB)
    assert "Did you mean preview Team 005?" in shown.text
    await here.sim.press(shown, "Run preview Team 005", BOB)
    await here.quiet()
    assert here.messages("personal", "Team 005 012") or here.messages("personal", "Team 005")


@pytest.mark.parametrize("text", ["Checkout", "why is checkout so expensive?", "chec"])
async def test_a_text_that_names_a_team_offers_to_explain_it(here: World, text: str) -> None:
    shown = await here.says(f"well, {text}" if " " in text else text, BOB)
    assert "Did you mean explain Checkout?" in shown.text
    await here.sim.press(shown, "Explain Checkout", BOB)
    await here.quiet()
    assert here.messages("personal", "Checkout · AWS account")


async def test_an_error_offers_the_form_of_the_command(here: World) -> None:
    assert titles(await here.says("schedule monday 99")) == ["Schedule", "Help"]
    assert titles(await here.says("recipients add nobody")) == ["Recipients", "Help"]
    form = await here.says("add team x")
    assert titles(form) == ["Add team", "Help"]
    await here.sim.press(form, "Add team")
    await here.quiet()
    assert here.messages("personal", "AWS account ID")
    assert titles(await here.says("grant nobody")) == ["Help", "Status"]


@pytest.mark.parametrize("hour", ["9am", "9 am", "09:00", "9"])
async def test_a_schedule_is_read_as_people_write_it(here: World, hour: str) -> None:
    shown = await here.says(f"schedule monday {hour} europe/berlin")
    assert shown.text.startswith("Weekly reports: Monday 09:00 Europe/Berlin")
    assert (
        "Weekly reports: Friday 21:00 America/New_York"
        in (await here.says("schedule fri 9pm America/New York")).text
    )


@pytest.mark.parametrize(
    "days", ["3 Dec – 10 Dec", "from 3 Dec - 10 Dec", "3–10 Dec", "from Thu 3 Dec to 10th Dec"]
)
async def test_a_span_of_days_is_read_as_people_write_it(here: World, days: str) -> None:
    shown = await here.says(f"expect search +1,000% {days} because we move")
    assert "3–10 Dec" in shown.text
    assert "we move" in shown.text
    await here.press(shown, "Undo")


async def test_history_says_where_a_command_was_typed(here: World) -> None:
    await here.says('add team "Historic" 060606060606 h@example.org')
    history = await here.says("history historic")
    assert "Ana, Teams: Historic added" in history.text


# Files


def attached(here: World, *names: str) -> list[dict[str, Any]]:
    for number, name in enumerate(names):
        row = f"File {number},77778888999{number},f@example.org"
        here.sim.files[name] = f"team_name,aws_account_id,team_email\n{row}\n".encode()
    return [
        {
            "contentType": FILE,
            "name": name,
            "content": {"downloadUrl": f"{here.sim.url}/files/{name}"},
        }
        for name in names
    ]


async def test_a_second_attached_file_is_not_left_out_without_a_word(here: World) -> None:
    question = await here.says("", attachments=attached(here, "a.csv", "b.csv"))
    assert "New: File 0" in question.text
    assert "Only a.csv was read. Attach b.csv in a message of its own." in question.text
    one = await here.says("import teams", attachments=attached(here, "c.csv"))
    assert "was read" not in one.text


CONSENT = "application/vnd.microsoft.teams.card.file.consent"
INFO = "application/vnd.microsoft.teams.card.file.info"


def with_attachment(here: World, kind: str) -> list[Message]:
    return [
        message
        for message in here.sim.messages.values()
        if any(one["contentType"] == kind for one in message.body.get("attachments") or ())
    ]


def consent(here: World, offer: Message, **value: Any) -> dict[str, Any]:
    return here.sim.activity(
        "invoke",
        ANA,
        name="fileConsent/invoke",
        value={"type": "fileUpload", "context": {}, **value},
        replyToId=offer.id,
    )


async def test_the_export_is_stored_as_a_file_where_teams_allows_it(here: World) -> None:
    assert "Save as a file" not in titles(await here.says("export teams", ANA, "group"))
    export = await here.says("export teams")
    assert "Allow the file" in await here.press(export, "Save as a file")
    (offer,) = with_attachment(here, CONSENT)
    (asked,) = offer.body["attachments"]
    assert asked["name"] == "teams.csv"
    info = {
        "name": "teams.csv",
        "uniqueId": "u1",
        "fileType": "csv",
        "contentUrl": "https://contoso-my.sharepoint.com/teams.csv",
    }
    elsewhere = {**info, "uploadUrl": "https://evil.example.com/files/teams.csv"}
    await here.sim.post(consent(here, offer, action="accept", uploadInfo=elsewhere))
    await here.quiet()
    assert here.messages("personal", "did not name a place")
    upload = {**info, "uploadUrl": f"{here.sim.url}/files/stored.csv"}
    turn = await here.sim.post(consent(here, offer, action="accept", uploadInfo=upload))
    assert turn.status == 200
    await here.quiet()
    data = here.sim.files["stored.csv"]
    assert len(data) == asked["content"]["sizeInBytes"]
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert {row["team_name"] for row in rows} >= set(NAMES)
    assert "stored in your OneDrive" in offer.text
    (shown,) = with_attachment(here, INFO)
    assert shown.body["attachments"][0]["contentUrl"] == info["contentUrl"]
    await here.sim.post(consent(here, offer, action="decline"))
    await here.quiet()
    assert "No file was stored" in offer.text
    assert (await here.sim.post(consent(here, offer, action="nonsense"))).status == 200


# What Teams sends otherwise


async def test_an_edited_message_is_answered(here: World) -> None:
    wrong = here.sim.written("statsu")
    assert "Did you mean status?" in (await here.answer(wrong)).text
    edited = {
        **wrong,
        "type": "messageUpdate",
        "text": "whoami",
        "channelData": {**wrong["channelData"], "eventType": "editMessage"},
    }
    assert "Ana" in (await here.answer(edited)).text
    known = set(here.sim.messages)
    await here.sim.post(edited)  # Teams sends it again
    await here.sim.post({**edited, "text": "statsu"})  # nothing but the first message
    restored = {"eventType": "undeleteMessage"}
    await here.sim.post({**edited, "text": "teams", "channelData": restored})
    await here.quiet()
    assert set(here.sim.messages) == known


async def test_alerts_end_when_their_channel_is_deleted(here: World) -> None:
    await here.says("recipients add cfo@example.com")
    await here.says("alerts here", ANA, "channel")
    event = here.sim.activity("conversationUpdate", ANA, "channel")
    event["conversation"]["id"] = "19:general@thread.tacv2"
    event["channelData"]["eventType"] = "channelDeleted"
    await here.sim.post(event)
    await here.quiet()
    stored = here.database["conversations"].find_one({"_id": CHANNEL_ID})
    assert (stored["state"], stored["alerts_since"]) == ("deleted", None)
    assert "was deleted. No alerts are sent there" in here.notices()[-1]["text"]
    known = set(here.sim.messages)
    here.raise_anomaly(await team(here, "Search"), 644)
    await here.tick()
    new = [one for name, one in here.sim.messages.items() if name not in known]
    assert not [one for one in new if where_of(one.conversation) == "channel"]
    (ended,) = here.database["audit"].find({"action": "alerts.off"})
    assert (ended["subject"], ended["actor"]["interface"]) == (CHANNEL_ID, "chat")
