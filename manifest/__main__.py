"""``python -m manifest``: writes dist/manifest.zip from the settings and the table of commands."""

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
Warning: MicrosoftAppId is not set, so the package has a placeholder id and Teams will not take it.
Set MicrosoftAppId in .env (docs/setup.md says where it comes from) and make the package again."""
NO_PAGES = """\
Note: TEAMS_WEBSITE_URL is not set, so the app's pages lead to example.com. Set it to a page of
yours before you publish the app."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the package; 1 with one line when a setting is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m manifest", description="Writes the Teams app."
    )
    parser.add_argument("--out", type=Path, default=Path("dist/manifest.zip"), metavar="FILE")
    target: Path = parser.parse_args(arguments).out
    try:
        about = load_manifest_settings()
    except SettingsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    icons = {name: (FOLDER / name).read_bytes() for name in ICONS}
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(package(manifest(about, VERSION, COMMANDS), icons))
    for note in notes(about):
        print(note, file=sys.stderr)
    print(f"Wrote {target}: AWS Cost Agent {VERSION}, app id {about.app_id or 'placeholder'}")
    return 0


def notes(about: ManifestSettings) -> list[str]:
    """What is still to be set before the package can be used."""
    missing = [(about.app_id is None, PLACEHOLDER), (about.uses_example_pages, NO_PAGES)]
    return [words for is_so, words in missing if is_so]


if __name__ == "__main__":
    sys.exit(main())
