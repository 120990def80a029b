"""Looks at the mails in Chromium and with what knows mail clients: ``python -m tests.mails.looking``.

Prints what is found. With a folder it leaves pictures of all states there, to be looked at.
Needs Node with the packages of ``tests/node``, and Chromium.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.browser.page import chromium
from tests.conftest import ROOT
from tests.driving import driven
from tests.mails.states import every

DRIVER = ROOT / "tests" / "mails" / "check.mjs"
PACKAGES = ROOT / "tests" / "node" / "node_modules"
PHONE, DESKTOP = 375, 700
LOOKS = (
    {"width": PHONE, "theme": "light", "styles": True},
    {"width": DESKTOP, "theme": "dark", "styles": True},
    {"width": PHONE, "theme": "light", "styles": False},
)
"""Dark colours do not depend on the width; without styles is what mobile Gmail shows."""
ALL_LOOKS = (
    *LOOKS,
    *({"width": w, "theme": t, "styles": True} for w, t in ((PHONE, "dark"), (DESKTOP, "light"))),
)


def lacks() -> list[str]:
    """What this machine lacks for looking."""
    return [
        what
        for what, there in (
            ("Node.js", shutil.which("node")),
            ("Chromium", chromium()),
            ("the packages of tests/node (npm ci)", (PACKAGES / "axe-core").is_dir()),
        )
        if not there
    ]


def looked_at(
    mails: Mapping[str, str], looks: Sequence[Mapping[str, Any]] = LOOKS, folder: str = ""
) -> dict[str, dict[str, Any]]:
    """What is found of each mail (name → HTML)."""
    browser = chromium()
    if browser is None:
        raise FileNotFoundError("There is no Chromium.")
    job = {
        "mails": [{"name": name, "html": html} for name, html in mails.items()],
        "looks": list(looks),
        "folder": folder,
    }
    return {one["name"]: one for one in driven(DRIVER, browser, job)["mails"]}


def main() -> None:
    """Prints what is found of all states."""
    parser = argparse.ArgumentParser(prog="python -m tests.mails.looking", description=__doc__)
    parser.add_argument("folder", nargs="?", default="", help="leave pictures here")
    folder = parser.parse_args().folder
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
    mails = {name: mail.html for name, mail in every().items()}
    for name, found in looked_at(mails, ALL_LOOKS if folder else LOOKS, folder).items():
        print(f"== {name}, {len(mails[name].encode()):,} bytes")
        print("\n".join(found["markup"][:20]))
        print(json.dumps(found["lacking"], indent=1))
        for look in found["looks"]:
            print(json.dumps(look))


if __name__ == "__main__":
    main()
