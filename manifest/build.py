"""Builds the manifest (a dict) and the package (bytes) from values; pure."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from services.settings import ManifestSettings

SCHEMA = "1.30"
PLACEHOLDER_ID = "00000000-0000-0000-0000-000000000000"
"""Used while there is no app ID; Teams rejects a package with it."""
ACCENT = "#0F5FB0"
MAX_COMMANDS = 10
MAX_TITLE_LENGTH = 32
MAX_DESCRIPTION_LENGTH = 128
"""Limits of the menu in every manifest schema. Newer schemas allow more (12 commands since 1.24,
longer titles and descriptions since 1.21), but Microsoft's page on command menus still says ten."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The timestamp of every file in the package, so that the same content gives the same bytes."""

SHORT = "Weekly AWS cost reports and anomaly alerts for every team."
FULL = """\
AWS Cost Agent keeps an eye on what your AWS accounts cost.

Every team gets a weekly report by email that takes ten seconds to read: what changed, why, and \
what to do. Admins get one report across all accounts. When costs grow unexpectedly, a card says so \
in the channels that you choose, with the service, the amount and the likely cause, and anyone in \
the channel can answer it.

Write "help" to see what you can do: look at a team's costs, see a change explained service by \
service, preview a report before it is emailed, or see what a different threshold would have found. \
Admins also manage teams, thresholds, the schedule and recipients here."""

Menu = Literal["", "personal", "shared", "everywhere"]


class MenuCommand(Protocol):
    """What the command menu shows of a command."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def menu(self) -> Menu: ...


def manifest(
    settings: ManifestSettings, version: str, commands: Sequence[MenuCommand]
) -> dict[str, Any]:
    """The content of manifest.json. Raises ValueError when the commands exceed the menu."""
    app_id = (settings.app_id or PLACEHOLDER_ID).lower()
    return {
        "$schema": f"https://developer.microsoft.com/json-schemas/teams/v{SCHEMA}/"
        "MicrosoftTeams.schema.json",
        "manifestVersion": SCHEMA,
        "version": version,
        "id": app_id,
        "developer": {
            "name": settings.developer,
            "websiteUrl": settings.website,
            "privacyUrl": settings.privacy,
            "termsOfUseUrl": settings.terms,
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
        # From schema 1.25 on Teams rejects a package with the scope "team" that lacks this.
        "supportsChannelFeatures": "tier1",
    }


def _menu(scopes: list[str], kind: Menu, commands: Sequence[MenuCommand]) -> dict[str, Any]:
    listed = [command for command in commands if command.menu in {kind, "everywhere"}]
    if len(listed) > MAX_COMMANDS:
        raise ValueError(
            f"the {kind} menu would have {len(listed)} commands; it can show {MAX_COMMANDS}"
        )
    for command in listed:
        if (
            len(command.name) > MAX_TITLE_LENGTH
            or len(command.description) > MAX_DESCRIPTION_LENGTH
        ):
            raise ValueError(f"the command {command.name} is too long for the menu")
    entries = [
        {
            "title": command.name,
            "description": command.description[0].upper() + command.description[1:],
        }
        for command in listed
    ]
    return {"scopes": scopes, "commands": entries}


def package(content: Mapping[str, Any], icons: Mapping[str, bytes]) -> bytes:
    """Build the zip to upload; uncompressed, so that its bytes do not depend on zlib's version."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    files = {"manifest.json": text.encode(), **icons}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()
