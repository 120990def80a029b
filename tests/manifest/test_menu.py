"""Each command of the menu, as Teams sends it when somebody picks it there: its title alone."""

from pathlib import Path

from bot.commands import COMMANDS
from tests.bot.agent import world
from tests.servers.teams import ANA, BOB

NEED_A_TEAM = {"team", "costs", "explain"}


async def test_a_command_picked_from_the_menu_is_answered_with_what_to_do_next(
    tmp_path: Path, mongo_url: str
) -> None:
    async with world(tmp_path, mongo_url) as agent:
        for command in COMMANDS:
            if command.menu:
                answer = await agent.says(command.name, ANA)
                asked = "Which team?" in answer.text
                assert asked == (command.name in NEED_A_TEAM), answer.text


async def test_a_team_is_chosen_from_the_list_that_a_bare_command_shows(
    tmp_path: Path, mongo_url: str
) -> None:
    async with world(tmp_path, mongo_url) as agent:
        asked = await agent.says("team", BOB)
        (listing,) = (one for one in asked.card["body"] if one["type"] == "Input.ChoiceSet")
        names = [choice["title"] for choice in listing["choices"]]
        assert len(names) == len(await agent.agent.app.teams.list())
        await agent.press(asked, "Show", BOB, {"team": listing["choices"][0]["value"]})
        await agent.quiet()
        name, account = names[0].split(", ")
        shown = [message.text for message in agent.sim.messages.values()]
        assert any(f"{name}\nAWS account {account}" in text for text in shown), shown
