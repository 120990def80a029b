"""``python -m manifest``: write dist/manifest.zip from the settings and the table of commands."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from app import VERSION
from bot.commands import COMMANDS
from manifest.build import manifest, package
from manifest.icons import FOLDER, ICONS
from services.domain.errors import SettingsError
from services.settings import ManifestSettings, load_manifest_settings

PLACEHOLDER = """\
Warning: MicrosoftAppId is not set, so the package has a placeholder ID and Teams will reject it.
Set MicrosoftAppId in .env (docs/setup.md says where to get it) and create the package again."""
EXAMPLE_PAGES = """\
Note: TEAMS_WEBSITE_URL is not set, so the app's links lead to example.com. Set it to a page of your
own before you publish the app."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the package; returns 1 when a setting is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m manifest", description="Write the Teams app package."
    )
    parser.add_argument("--out", type=Path, default=Path("dist/manifest.zip"), metavar="FILE")
    target: Path = parser.parse_args(arguments).out
    try:
        settings = load_manifest_settings()
    except SettingsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    icons = {name: (FOLDER / name).read_bytes() for name in ICONS}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(package(manifest(settings, VERSION, COMMANDS), icons))
    for note in notes(settings):
        print(note, file=sys.stderr)
    print(f"Wrote {target}: AWS Cost Agent {VERSION}, app ID {settings.app_id or 'placeholder'}")
    return 0


def notes(settings: ManifestSettings) -> list[str]:
    """Return what must still be configured before the package can be used or published."""
    notes_by_condition = [
        (settings.app_id is None, PLACEHOLDER),
        (settings.uses_example_pages, EXAMPLE_PAGES),
    ]
    return [note for applies, note in notes_by_condition if applies]


if __name__ == "__main__":
    sys.exit(main())
