"""The table of typed commands; parser, help card, app manifest and docs are made from it."""

from bot.chat import Chat
from bot.handlers import (
    anomalies,
    costs,
    general,
    people,
    reports,
    settings,
    team_files,
    teams,
    thresholds,
)
from bot.turn import Command, Help, Reply, Turn
from cards.general import help_card
from services.domain import Role


async def show_help(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show the commands that the writer may use."""
    return Reply(help_card(help_lines(turn.role), turn.role, chat.sample))


def help_lines(role: Role) -> list[tuple[str, list[tuple[str, str]]]]:
    """(group, (usage, description) of each command in it) for somebody in this role."""
    allowed = [
        command
        for command in COMMANDS
        if command.help.listed and (command.role == "viewer" or role == "admin")
    ]
    groups = dict.fromkeys(command.help.group for command in COMMANDS)
    return [
        (group, [(each.usage, each.description) for each in allowed if each.help.group == group])
        for group in groups
    ]


COMMANDS: tuple[Command, ...] = (
    Command("help", "help", "what you can do", "viewer", show_help, ("hi", "hello", "?"), help=Help(menu="everywhere")),
    Command("teams", "teams [text]", "list and search teams", "viewer", teams.list_teams, ("list teams", "list"), help=Help(menu="everywhere")),
    Command("team", "team <team>", "one team: costs, threshold, contacts, open anomalies", "viewer", teams.show_team, ("show", "show team"), help=Help(menu="everywhere")),
    Command("preview", "preview <team>, preview admin", "the report as a card, before it is emailed", "viewer", reports.preview, help=Help(menu="everywhere")),
    Command("costs", "costs <team> [month | last 30 days]", "daily costs", "viewer", costs.show_costs, ("cost",), help=Help(menu="everywhere")),
    Command("explain", "explain <team> [period]", "why costs changed, service by service", "viewer", costs.explain, ("why",), help=Help(menu="everywhere")),
    Command("anomalies", "anomalies [team]", "what grew more than expected, open first", "viewer", anomalies.list_anomalies, ("anomaly",), help=Help(menu="everywhere")),
    Command("status", "status", "health, data, runs, failed emails", "viewer", general.show_status, ("health",), help=Help(menu="everywhere")),
    Command(
        "whoami", "whoami", "your name, role, and ID", "viewer", people.whoami,
    ),
    Command("add team", 'add team, add team "Name" 012345678901 mail@x [admin@x …]', "add a team, with a form or in one line", "admin", teams.add_team, ("add",), help=Help(menu="personal", group="Setting up")),
    Command("edit team", "edit team <team>", "change a team", "admin", teams.edit_team, ("edit", "change team"), help=Help(group="Setting up")),
    Command("remove team", "remove team <team>", "remove a team; can be undone", "admin", teams.ask_to_remove, ("remove", "delete team"), help=Help(group="Setting up")),
    Command("import teams", "import teams", "add and change many teams from CSV or JSON", "admin", team_files.import_teams, ("import",), help=Help(group="Setting up")),
    Command("export teams", "export teams", "all teams as CSV", "admin", team_files.export_teams, ("export",), help=Help(group="Setting up")),
    Command("threshold", "threshold, threshold 25, threshold 35 for <team>, threshold min 50", "thresholds, and what another one would have flagged in the last 90 days", "viewer", thresholds.show_threshold, ("thresholds", "set threshold"), help=Help(menu="everywhere", group="Setting up")),
    Command("send", "send <team>", "email a team's report; asks first", "admin", reports.send, ("send report",), help=Help(group="Admins")),
    Command("run report", "run report", "email the week's reports to everyone; asks first", "admin", reports.run_report, ("run weekly report", "send all"), help=Help(group="Admins")),
    Command("expect", "expect <team> +30% from <day> to <day> because …", "announce a planned change, so that it raises no alert", "admin", costs.expect, help=Help(group="Admins")),
    Command("alerts here", "alerts here", "send anomaly alerts to this conversation", "admin", settings.alerts_here, help=Help(menu="shared", group="Setting up")),
    Command("alerts off", "alerts off", "stop sending alerts to this conversation", "admin", settings.alerts_off, help=Help(group="Setting up")),
    Command("alerts", "alerts", "where alerts go", "admin", settings.show_channels, help=Help(group="Setting up")),
    Command("schedule", "schedule, schedule monday 9 Europe/Berlin", "when the weekly reports go out", "viewer", settings.show_schedule, admin_to_set=True, help=Help(group="Setting up")),
    Command("recipients", "recipients, recipients add mail@x, recipients remove mail@x", "who gets the admin report", "admin", settings.show_recipients, help=Help(group="Setting up")),
    Command("admins", "admins", "who is an admin", "admin", people.admins, ("roles",), help=Help(group="Admins")),
    Command("grant", "grant @user", "make someone an admin", "admin", people.grant, help=Help(group="Admins")),
    Command("revoke", "revoke @user", "remove someone's admin role", "admin", people.revoke, help=Help(group="Admins")),
    Command("history", "history [team]", "who changed what, when; undo", "admin", general.show_history, ("audit",), help=Help(group="Admins")),
    Command("claim", "claim <code>", "become the first admin, with the code that the agent printed at startup", "viewer", people.claim, help=Help(listed=False)),
)  # fmt: skip
