"""What the docs name exists: settings, commands, endpoints, stored settings, make targets.

That everything that exists is named is in ``test_docs``; this is the reverse, over every page.
"""

import re
import shlex
from pathlib import Path

import pytest
from aiohttp import web

from api.outbox import pages
from api.routes import ENDPOINTS
from cli.parser import build_parser
from services.adapters.store.erasure import IMPERSONAL_COLLECTIONS, OWNER_FIELDS
from services.administration.config_fields import ConfigPatch
from services.settings import setting_fields
from tests.conftest import ROOT
from tests.docs.test_docs import commands_of, text

PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.service"),
        ROOT / "Dockerfile",
        ROOT / "docker-compose.yml",
    )
    if path.name != "LICENSE"
)
SETTING = re.compile(
    r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`|^ *(?:- )?([A-Z]+(?:_[A-Z]+)+)[=:]",
    re.MULTILINE,
)
NOT_OURS = {
    "CLOCK_BOOTTIME",
    *("NAME_FILE", "PLAYGROUND_PORT", "WEBSITES_PORT", "MONGO_INITDB_ROOT_USERNAME"),
    *("API_URL", "TEAM_ID", "HTTP_PROXY"),
    *("MONGO_INITDB_ROOT_PASSWORD_FILE", "MONGO_INITDB_DATABASE"),
}
"""Of other programs, or standing for any name."""
ENDPOINT = re.compile(r"`(GET|POST|PUT|PATCH|DELETE) (/[^`?\s]*)")
COMMAND = re.compile(r"app\.py((?: [^`|&>\n]+)?)")
TARGET = re.compile(r"`make ([a-z-]+)`|^make ([a-z-]+)(?: |$)", re.MULTILINE)


def outbox_pages() -> list[tuple[str, str]]:
    return [(page.method, page.path) for page in pages if isinstance(page, web.RouteDef)]


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    known = {field.alias for _, field in setting_fields()}
    known |= {f"{name}_FILE" for name in known} | NOT_OURS
    named = {one or other for one, other in SETTING.findall(page.read_text("utf-8"))}
    assert named <= known


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_endpoint_that_a_page_names_exists(page: Path) -> None:
    known = {(endpoint.method.upper(), endpoint.path) for endpoint in ENDPOINTS}
    known |= set(outbox_pages()) | {("POST", "/api/messages")}
    named = {(method, path) for method, path in ENDPOINT.findall(page.read_text("utf-8"))}
    assert named <= known


def test_the_pages_of_the_outbox_are_described() -> None:
    for method, path in outbox_pages():
        assert f"`{method} {path}`" in text("docs/rest.md")


@pytest.mark.parametrize("page", [one for one in PAGES if one.suffix == ".md"], ids=ids)
def test_every_command_line_that_a_page_shows_is_understood(page: Path) -> None:
    for line in COMMAND.findall(page.read_text("utf-8")):
        words = shlex.split(line.partition(" #")[0].strip().rstrip(".,;:)*"))
        if not words or words[0] not in commands_of(build_parser()):
            assert not words or not re.fullmatch(r"[a-z]+(-[a-z]+)*", words[0]), line
            continue
        build_parser().parse_args(words)


def test_every_command_of_the_table_exists_with_its_options() -> None:
    section = text("docs/commands.md").partition("## On the command line")[2]
    commands = commands_of(build_parser())
    for row in (line for line in section.splitlines() if line.startswith("| `")):
        first = re.findall(r"`([^`]+)`", row.split("|")[1])[-1]
        name = max(
            (command for command in commands if first.startswith(command)), key=len, default=None
        )
        assert name is not None, first
        known = {option for action in commands[name]._actions for option in action.option_strings}
        if name == "serve":
            known |= {"--first-report"}
        assert set(re.findall(r"--[a-z-]+", row)) <= known, row


def test_the_stored_settings_that_are_named_exist() -> None:
    paragraph = re.search(
        r"\*\*Settings\*\* of `PUT /api/config`:.*?\n\n", text("docs/rest.md"), re.DOTALL
    )
    assert paragraph is not None
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", paragraph[0]))
    assert named - {"smtp_password_set", "skipped_week"} == set(ConfigPatch.model_fields)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {one or other for one, other in TARGET.findall(page.read_text("utf-8"))} <= known


def test_every_collection_is_in_the_privacy_page_or_holds_nobody() -> None:
    modules = (ROOT / "services" / "adapters" / "store").glob("*.py")
    stored = {
        name
        for path in modules
        for name in re.findall(r"\bdb\.([a-z_]+)", path.read_text("utf-8"))
    } - {"client", "list_collection_names", "command"}
    described = set(re.findall(r"`([a-z_]+)`", text("docs/privacy.md")))
    assert {"teams", "audit", "reports"} <= stored
    assert stored - described == IMPERSONAL_COLLECTIONS
    assert set(OWNER_FIELDS) <= stored


def test_make_help_lists_every_target_for_people() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    helped = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert set(phony.split()) - helped <= {"node"}
