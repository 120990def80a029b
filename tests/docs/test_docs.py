"""The docs name every setting, command and endpoint, and every link in them leads somewhere."""

import argparse
import re
import tomllib
from pathlib import Path

import pytest

from api.routes import ENDPOINTS
from app import VERSION
from bot.commands import COMMANDS
from cli.parser import build_parser
from services.administration.config_fields import ConfigPatch
from services.settings import setting_fields
from tests.conftest import ROOT
from tests.docs.tables import DOCUMENTS, made

DOCS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_agent_says_the_version_of_its_package() -> None:
    assert tomllib.loads(text("pyproject.toml"))["project"]["version"] == VERSION


def test_every_decision_has_a_number_of_its_own_and_says_it() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        assert page.read_text("utf-8").startswith(f"# {int(page.name[:4])}. ")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_tables_in_the_docs_are_what_make_docs_makes(name: str) -> None:
    assert text(name) == made(text(name)), "run: make docs"


def test_every_setting_is_described_with_its_default() -> None:
    found = text("docs/settings.md")
    for _, field in setting_fields():
        (line,) = [row for row in found.splitlines() if row.startswith(f"| `{field.alias}` |")]
        assert str(field.description) in line
        if isinstance(field.default, str | int | Path):
            assert f"| `{field.default}` |" in line


def test_every_typed_command_is_described() -> None:
    rows = [row for row in text("docs/commands.md").splitlines() if row.startswith("| `")]
    for command in COMMANDS:
        (row,) = [row for row in rows if f"| {command.description} |" in row]
        for words in (command.usage.split(", ")[0], *command.aliases):
            assert f"`{words}`".replace("|", "\\|") in row


def test_a_table_is_made_anew_and_the_rest_is_kept() -> None:
    before = "Above.\n<!-- table: settings costs -->\n| old |\n<!-- end -->\nBelow.\n"
    after = made(before)
    assert after.startswith("Above.\n<!-- table: settings costs -->\n| setting | default |")
    assert after.endswith("\n<!-- end -->\nBelow.\n")
    assert "COST_DAY_COMPLETE_AFTER_HOURS" in after
    assert "old" not in after
    assert made(after) == after


def test_every_documented_setting_exists() -> None:
    known = {field.alias for _, field in setting_fields()}
    described = set(re.findall(r"^\| `(\w+)` \|", text("docs/settings.md"), re.MULTILINE))
    assert described == known


def test_every_command_and_option_is_described() -> None:
    found = text("docs/commands.md")
    for name, command in commands_of(build_parser()).items():
        assert f"`{name}" in found
        for action in command._actions:
            for option in action.option_strings:
                assert option in found or option in {"-h", "--help"}, option


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """All commands with their own commands."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found[name] = command
                inner = commands_of(command)
                found |= {f"{name} {other}": parser for other, parser in inner.items()}
    return found


def test_every_endpoint_is_described_and_no_other() -> None:
    described = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", text("docs/rest.md"), re.MULTILINE))
    assert described == {f"{endpoint.method.upper()} {endpoint.path}" for endpoint in ENDPOINTS}
    assert "`GET /outbox`" in text("docs/rest.md")


def test_every_stored_setting_is_described() -> None:
    for name in ConfigPatch.model_fields:
        assert f"`{name}`" in text("docs/rest.md")


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(path.read_text("utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_readme_begins_with_the_two_commands() -> None:
    first_screen = "\n".join(text("README.md").splitlines()[:50])
    assert "make run" in first_screen
    assert "make test" in first_screen
