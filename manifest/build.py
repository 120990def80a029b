"""The manifest and the package: from values to a dict and to bytes, without looking anywhere."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from services.settings import ManifestSettings

SCHEMA = "1.30"
PLACEHOLDER_ID = "00000000-0000-0000-0000-000000000000"
"""Stands for the app id as long as there is none; Teams takes no package with it."""
ACCENT = "#0F5FB0"
MOST_COMMANDS = 10
LONGEST_TITLE = 32
LONGEST_DESCRIPTION = 128
"""Limits that every schema and the menu itself keep, though the newest schema allows more."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the package, so that equal contents are equal bytes."""

SHORT = "Weekly AWS cost reports and anomaly alerts for every team."
FULL = """\
AWS Cost Agent watches what your AWS accounts cost.

Every team gets a weekly report by mail that can be read in ten seconds: what changed, why, and \
what to do. Admins get one report over all accounts. When costs grow that should not, a card says \
so in the channels that you choose, with the service, the amount and the likely cause, and anybody \
in the channel can answer it.

Write "help" to see what you may do: look at a team's costs, have a change explained service by \
service, preview a report before it is mailed, or see what another threshold would have found. \
Admins also manage teams, thresholds, the schedule and recipients here."""

Menu = Literal["", "personal", "shared", "everywhere"]


class MenuCommand(Protocol):
    """What the menu shows of a typed command."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def menu(self) -> Menu: ...


def manifest(
    about: ManifestSettings, version: str, commands: Sequence[MenuCommand]
) -> dict[str, Any]:
    """The content of manifest.json. Raises ValueError when the commands exceed the menu."""
    app_id = (about.app_id or PLACEHOLDER_ID).lower()
    return {
        "$schema": f"https://developer.microsoft.com/json-schemas/teams/v{SCHEMA}/"
        "MicrosoftTeams.schema.json",
        "manifestVersion": SCHEMA,
        "version": version,
        "id": app_id,
        "developer": {
            "name": about.developer,
            "websiteUrl": about.website,
            "privacyUrl": about.privacy,
            "termsOfUseUrl": about.terms,
        },
        "name": {"short": "AWS Cost Agent", "full": "AWS Cost Agent: costs, reports and alerts"},
        "description": {"short": SHORT, "full": FULL},
        "icons": {"color": "color.png", "outline": "outline.png"},
        "accentColor": ACCENT,
        "bots": [
            {
                "botId": app_id,
                "scopes": ["personal", "team", "groupChat"],
                "supportsFiles": True,  # teams are imported from an attached file
                "isNotificationOnly": False,
                "commandLists": [
                    _menu(["personal"], "personal", commands),
                    _menu(["team", "groupChat"], "shared", commands),
                ],
            }
        ],
        "permissions": ["identity"],
        "validDomains": [],
        # Teams takes no package with the scope "team" from schema 1.25 on that does not say this.
        "supportsChannelFeatures": "tier1",
    }


def _menu(scopes: list[str], place: Menu, commands: Sequence[MenuCommand]) -> dict[str, Any]:
    listed = [one for one in commands if one.menu in {place, "everywhere"}]
    if len(listed) > MOST_COMMANDS:
        raise ValueError(f"{len(listed)} commands for {place}, the menu has {MOST_COMMANDS}")
    for one in listed:
        if len(one.name) > LONGEST_TITLE or len(one.description) > LONGEST_DESCRIPTION:
            raise ValueError(f"the command {one.name} is too long for the menu")
    shown = [
        {"title": one.name, "description": one.description[0].upper() + one.description[1:]}
        for one in listed
    ]
    return {"scopes": scopes, "commands": shown}


def package(content: Mapping[str, Any], icons: Mapping[str, bytes]) -> bytes:
    """The zip that people upload; nothing is compressed, so its bytes depend on no library."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    files = {"manifest.json": text.encode(), **icons}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return made.getvalue()
