"""Each import contract is seen to fail: imports are planted, all at once, in a copy of the code.

One run of import-linter for each set of planted imports: a contract that a set should break is
broken in it, and the others are not.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("api", "bot", "cards", "cli", "deploy", "manifest", "services")
PLANTED = {
    "interfaces call services": [
        ("services/teams/teams.py", "import api.app"),
        ("cards/__init__.py", "import bot"),
        ("cli/check.py", "import manifest.build"),
    ],
    "the packages of services": [
        ("services/presentation/hints.py", "import services.runs.worker"),
        ("services/costs/ingest.py", "import services.application"),
        ("services/domain/days.py", "import services.analysis.windows"),
        ("services/ports/costs.py", "import services.runtime.shutdown"),
    ],
    "no packages that lie beside each other": [
        ("services/domain/days.py", "import services.runs.worker"),
    ],
    "adapters know ports": [
        ("services/adapters/smtp/transport.py", "import services.runs.worker")
    ],
    "adapters do not know each other": [
        ("services/adapters/disk.py", "import services.adapters.datadog.wire"),
    ],
    "only the composition root": [("api/app.py", "import services.adapters.smtp")],
    "domain and analysis are pure": [("services/analysis/windows.py", "import time")],
    "each outside library": [
        ("services/costs/ingest.py", "import httpx"),
        ("services/runs/worker.py", "import motor"),
        ("bot/authenticator.py", "import jwt"),
        ("services/adapters/disk.py", "import aiosmtplib"),
        ("cli/check.py", "import aiohttp"),
    ],
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken(folder: Path) -> tuple[list[str], str]:
    """The contracts that import-linter finds broken, and all that it says."""
    result = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = result.stdout.splitlines()
    return [line for line in lines if " BROKEN" in line], result.stdout


def test_the_code_as_it_is_keeps_every_contract(copied: Path) -> None:
    contracts, output = broken(copied)
    assert contracts == [], output
    assert "Contracts: 8 kept, 0 broken." in output


@pytest.mark.parametrize("name", PLANTED)
def test_planted_imports_break_their_contract(copied: Path, name: str) -> None:
    before: dict[Path, str] = {}
    for file, line in PLANTED[name]:
        path = copied / file
        before.setdefault(path, path.read_text("utf-8"))
        path.write_text(
            f"{path.read_text('utf-8')}\n\ndef planted() -> None:\n    {line}\n", "utf-8"
        )
    try:
        contracts, output = broken(copied)
    finally:
        for path, text in before.items():
            path.write_text(text, "utf-8")
    assert any(contract.startswith(name) for contract in contracts), output
    for file, line in PLANTED[name]:
        importer = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert f"{importer} -> {line.removeprefix('import ')}" in output, output


def test_a_package_without_a_layer_is_found(copied: Path) -> None:
    package = copied / "services" / "drawer"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    try:
        contracts, output = broken(copied)
    finally:
        shutil.rmtree(package)
    assert any(contract.startswith("the packages of services") for contract in contracts)
    assert "services.drawer" in output
