"""Coming into a conversation and leaving it: one welcome each time, whatever Teams repeats."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.agent import World, world
from tests.servers.teams import ANA, BOB, BOT, Fault, Message, Where, actions_of, where_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPES: tuple[Where, ...] = ("personal", "group", "channel")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder: Path = tmp_path_factory.mktemp("install")
    async with world(folder, mongo_url) as found:
        await found.says("recipients add fin@example.org")
        yield found


def welcomes(here: World, where: Where) -> list[Message]:
    return [
        message
        for message in here.sim.messages.values()
        if where_of(message.conversation) == where and "See teams" in str(message.body)
        if "reported weekly" in message.text
    ]


@pytest.mark.parametrize("scope", SCOPES)
async def test_one_welcome_and_another_one_only_after_it_was_removed(
    here: World, scope: Where
) -> None:
    for expected in (1, 2):
        repeated = [here.sim.install(scope) for _ in range(3)]
        await asyncio.gather(*repeated)
        await here.sim.install(scope)
        assert len(welcomes(here, scope)) == expected
        await here.sim.uninstall(scope)
    newest = welcomes(here, scope)[-1]
    assert [one["title"] for one in actions_of(newest.card)] == ["See teams", "Preview", "Help"]
    assert ("Mention me before" in newest.text) == (scope != "personal")


async def test_other_members_who_come_are_not_welcomed(here: World) -> None:
    before = set(here.sim.messages)
    people = [{"id": BOB.id, "name": "Bob"}]
    for where in SCOPES:
        for change in ({"membersAdded": people}, {"membersRemoved": people}, {}):
            update = here.sim.activity("conversationUpdate", ANA, where)
            await here.sim.post({**update, **change})
    renamed = here.sim.activity("conversationUpdate", ANA, "channel")
    renamed["channelData"]["eventType"] = "channelRenamed"
    await here.sim.post(renamed)
    assert set(here.sim.messages) == before


async def test_who_installs_need_not_be_known(here: World) -> None:
    """The activity of an installation may come from the team or from Teams itself."""
    await here.sim.uninstall("group")
    before = len(welcomes(here, "group"))
    added = here.sim.activity("conversationUpdate", ANA, "group", membersAdded=[BOT])
    added["from"] = {"id": "19:team"}
    assert (await here.sim.post(added)).status == 201
    assert len(welcomes(here, "group")) == before + 1


async def test_a_channel_keeps_its_name_and_kind_whatever_a_message_leaves_out(
    here: World,
) -> None:
    install = here.sim.activity("installationUpdate", ANA, "channel", action="add")
    install["channelData"]["channel"]["name"] = "Alerts"
    await here.sim.post(install)
    message = here.sim.written("alerts here", ANA, "channel")
    del message["conversation"]["conversationType"]
    await here.answer(message)
    stored = here.database["conversations"].find_one({"_id": {"$regex": "^19:alerts"}})
    assert (stored["title"], stored["kind"]) == ("Alerts", "channel")
    assert "Alerts" in (await here.says("alerts")).text


async def test_an_alert_channel_without_the_app_is_reported_by_email_and_gets_no_more_cards(
    here: World,
) -> None:
    await here.says("alerts here", ANA, "channel")
    await here.quiet()
    await here.sim.uninstall("channel")
    notices = [doc["title"] for doc in here.notices()]
    assert notices == ["AWS Cost Agent: a channel cannot be reached"]
    before = set(here.sim.messages)
    (team, *_) = await here.agent.app.teams.list()
    here.raise_anomaly(team)
    await here.tick()
    assert set(here.sim.messages) == before
    assert "uninstalled" in (await here.says("alerts")).text
    await here.sim.install("channel")
    await here.tick()
    assert [
        message for message in here.sim.messages.values() if "more than expected" in message.text
    ]


async def test_a_welcome_that_teams_cannot_accept_now_is_not_an_error(here: World) -> None:
    await here.sim.uninstall("group")
    here.sim.faults.append(Fault(status=500, code="ServiceError", times=2))
    turn = await here.sim.install("group")
    here.sim.faults.clear()
    assert turn.status == 201
