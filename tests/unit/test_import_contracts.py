"""Each import contract is seen to fail: a planted import is refused, one by one."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PLANTED = [
    ("services/teams.py", "import api.app", "doors speak"),
    ("cards/__init__.py", "import bot", "doors speak"),
    ("cli/check.py", "import manifest.build", "doors speak"),
    ("manifest/build.py", "import bot.commands", "the manifest is pure"),
    ("services/rendering/reports.py", "import services.runs", "inside services"),
    ("services/validation.py", "import services.teams", "inside services"),
    ("services/recipients.py", "import services.adapters.mail", "use cases and rendering"),
    ("services/adapters/sample/source.py", "import services.schedule", "adapters do not know use"),
    ("services/analysis/windows.py", "import services.settings", "analysis is pure"),
    ("services/model/days.py", "import services.analysis.windows", "values know nothing"),
    ("services/costs/reader.py", "import services.adapters.mail", "use cases and rendering"),
    ("services/adapters/mail.py", "import services.adapters.outbox", "adapters do not know each"),
    ("services/adapters/disk.py", "import services.adapters.datadog.wire", "adapters do not know"),
    ("services/adapters/mail.py", "import services.runs", "adapters do not know use cases"),
    ("api/app.py", "import services.adapters.mail", "only the composition root"),
    ("services/costs/ingest.py", "import httpx", "each outside library"),
    ("services/runs.py", "import motor", "each outside library"),
    ("bot/authenticator.py", "import jwt", "each outside library"),
    ("services/costs/backfill.py", "import aiohttp", "the web server"),
]


def contract(name: str) -> dict[str, Any]:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return next(one for one in found["contracts"] if one["name"].startswith(name))


def modules_in(folder: str) -> list[str]:
    """Every module and package that stands there."""
    names = {one.stem for one in (ROOT / folder).glob("*.py")}
    names |= {one.parent.name for one in (ROOT / folder).glob("*/__init__.py")}
    return sorted(f"{folder.replace('/', '.')}.{name}" for name in names - {"__init__"})


def test_every_module_of_services_is_a_use_case_or_below_them() -> None:
    inside = contract("inside services")
    assert modules_in("services") == sorted(
        [*inside["source_modules"], *inside["forbidden_modules"]]
    )


def test_the_contracts_agree_on_what_the_use_cases_are() -> None:
    inside = contract("inside services")["forbidden_modules"]
    use_cases = sorted(set(inside) - {"services.adapters"})
    assert sorted(contract("adapters do not know use cases")["forbidden_modules"]) == use_cases
    knowing_none = contract("use cases and rendering")["source_modules"]
    assert sorted(knowing_none) == sorted([*use_cases, "services.rendering"])


def test_every_adapter_is_told_not_to_know_the_others() -> None:
    told = contract("adapters do not know each other")["modules"]
    assert sorted(told) == modules_in("services/adapters")


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    for name in ("api", "bot", "cards", "cli", "manifest", "services"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def linted(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_code_as_it_is_keeps_every_contract(copied: Path) -> None:
    result = linted(copied)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"), PLANTED, ids=[f"{f}: {line}" for f, line, _ in PLANTED]
)
def test_a_planted_import_breaks_its_contract(
    copied: Path, file: str, line: str, contract: str
) -> None:
    path = copied / file
    before = path.read_text("utf-8")
    path.write_text(f"{before}\n\ndef planted() -> None:\n    {line}\n", "utf-8")
    try:
        result = linted(copied)
    finally:
        path.write_text(before, "utf-8")
    broken = [one for one in result.stdout.splitlines() if "BROKEN" in one]
    assert result.returncode == 1
    assert any(one.startswith(contract) for one in broken), result.stdout
