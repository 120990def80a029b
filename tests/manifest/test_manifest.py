"""The Teams package: valid for Microsoft's own validator, and in what that does not look at."""

import copy
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app import VERSION
from bot.commands import COMMANDS
from bot.parser import parse
from manifest.build import PLACEHOLDER_ID, manifest, package
from manifest.icons import FOLDER, ICONS, Canvas, rounded
from services.settings import load_manifest_settings
from tests.conftest import ROOT
from tests.manifest.package import picture, problems

APP_ID = "0A1B2C3D-1111-2222-3333-444455556666"
NODE_PACKAGES = ROOT / "tests" / "node" / "node_modules"
Break = Callable[[dict[str, Any]], Any]


def content(**environment: str) -> dict[str, Any]:
    about = load_manifest_settings({"MicrosoftAppId": APP_ID, **environment}, None)
    return manifest(about, VERSION, COMMANDS)


def icons() -> dict[str, bytes]:
    return {name: (FOLDER / name).read_bytes() for name in ICONS}


def test_the_package_keeps_every_rule_that_no_schema_checks() -> None:
    assert problems(package(content(), icons())) == []


BREAKS: dict[str, Break] = {
    "websiteUrl is not https": lambda m: m["developer"].update(websiteUrl="http://example.com"),
    "termsOfUseUrl is not https": lambda m: m["developer"].update(termsOfUseUrl="ftp://x"),
    "the version is no semantic version": lambda m: m.update(version="1.0"),
    "the schema is of another version": lambda m: m.update(manifestVersion="1.29"),
    "the id is no GUID": lambda m: m.update(id="agent"),
    "more permissions than needed": lambda m: m["permissions"].append("messageTeamMembers"),
    "the botId is no GUID": lambda m: m["bots"][0].update(botId="1234"),
    "the scopes of the bot are not": lambda m: m["bots"][0]["scopes"].append("team"),
    "without supportsChannelFeatures": lambda m: m.pop("supportsChannelFeatures"),
    "no file can be attached": lambda m: m["bots"][0].update(supportsFiles=False),
    "do not name each scope once": lambda m: lists(m)[1]["scopes"].append("personal"),
    "more than 10": lambda m: lists(m)[0]["commands"].append({"title": "x", "description": "x"}),
    "listed twice": lambda m: lists(m)[0]["commands"][1].update(title="help"),
    "longer than 32": lambda m: lists(m)[1]["commands"][0].update(title="x" * 33),
    "longer than 128": lambda m: lists(m)[1]["commands"][0].update(description="x" * 129),
    "the package holds": lambda m: m["icons"].update(color="icons/color.png"),
}


def lists(content: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = content["bots"][0]["commandLists"]
    return found


@pytest.mark.parametrize("words", BREAKS)
def test_a_broken_manifest_is_found_out(words: str) -> None:
    broken = copy.deepcopy(content())
    BREAKS[words](broken)
    found = problems(package(broken, icons()))
    assert any(words in one for one in found), found


def drawn(size: int, ground: tuple[int, int, int, int], *box: float) -> bytes:
    canvas = Canvas(size, ground)
    left, top, right, bottom = box or (0, 0, size, size)
    canvas.fill(rounded(left, top, right, bottom, 0), (255, 200, 200))
    return canvas.png()


@pytest.mark.parametrize(
    ("name", "draw_icon", "words"),
    [
        ("color.png", partial(drawn, 96, (0, 0, 0, 255)), "the colour icon is not 192 x 192"),
        ("color.png", partial(drawn, 192, (0, 0, 0, 0), 60, 60, 90, 90), "no full square"),
        (
            "color.png",
            partial(drawn, 192, (0, 0, 0, 255), 40, 60, 90, 90),
            "not in the middle 96 x 96",
        ),
        (
            "color.png",
            partial(drawn, 192, (0, 0, 0, 255), 0, 0, 0, 0),
            "not in the middle 96 x 96",
        ),
        ("outline.png", partial(drawn, 192, (0, 0, 0, 0)), "the outline icon is not 32 x 32"),
        (
            "outline.png",
            partial(drawn, 32, (0, 0, 0, 0), 0, 0, 9, 9),
            "the outline icon is not white",
        ),
        (
            "outline.png",
            partial(drawn, 32, (255, 255, 255, 255)),
            "the outline icon is not transparent",
        ),
        (
            "outline.png",
            partial(drawn, 32, (0, 0, 0, 0), 4, 4, 9, 9),
            "the outline icon is padded",
        ),
    ],
)
def test_a_wrong_icon_is_found_out(name: str, draw_icon: Callable[[], bytes], words: str) -> None:
    found = problems(package(content(), {**icons(), name: draw_icon()}))
    assert any(words in one for one in found), found


def test_the_icons_are_what_the_script_draws() -> None:
    for name, draw in ICONS.items():
        assert picture((FOLDER / name).read_bytes()).pixels == picture(draw().png()).pixels


REFUSED: dict[str, tuple[Break, str]] = {
    "an unknown field": (lambda m: m.update(surprise=1), "surprise"),
    "a long name": (lambda m: m["name"].update(short="x" * 31), "/name/short"),
    "a scope in lower case": (lambda m: m["bots"][0]["scopes"].append("groupchat"), "bots"),
    "no colour": (lambda m: m.pop("accentColor"), "accentColor"),
    "a bot id that is none": (lambda m: m["bots"][0].update(botId="1234"), "/bots/0/botId"),
}


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What Microsoft's validator says, without a network, of good and of broken manifests."""
    node = shutil.which("node")
    if node is None or not (NODE_PACKAGES / "@microsoft" / "app-manifest").is_dir():
        pytest.skip(
            "NOT TESTED: the manifest against Microsoft's validator. It needs Node.js 20 and its "
            "packages: cd tests/node && npm ci"
        )
    manifests = {"as it is": content(), "without an app id": content(MicrosoftAppId="")}
    for name, (broken, _) in REFUSED.items():
        manifests[name] = content()
        broken(manifests[name])
    folder = tmp_path_factory.mktemp("manifests")
    for name, one in manifests.items():
        (folder / name).write_text(json.dumps(one), "utf-8")
    result = subprocess.run(
        [node, str(Path(__file__).with_name("validate.cjs")), *manifests],
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(NODE_PACKAGES)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, list[str]] = json.loads(result.stdout)
    return found


def test_the_accent_colour_is_the_ground_of_the_icon() -> None:
    ground = picture(icons()["color.png"]).pixels[0, 0]
    assert content()["accentColor"] == "#{:02X}{:02X}{:02X}".format(*ground[:3])


@pytest.mark.parametrize("name", ["as it is", "without an app id"])
def test_microsofts_validator_accepts_the_manifest(
    validated: dict[str, list[str]], name: str
) -> None:
    assert validated[name] == []


@pytest.mark.parametrize("name", REFUSED)
def test_microsofts_validator_refuses_a_broken_manifest(
    validated: dict[str, list[str]], name: str
) -> None:
    words = REFUSED[name][1]
    assert any(words in one for one in validated[name]), validated[name]


def test_each_command_of_the_menu_is_one_that_the_agent_knows() -> None:
    for one in lists(content()):
        for command in one["commands"]:
            known = parse(command["title"], COMMANDS).command
            assert known is not None
            assert known.name == command["title"]
            assert command["description"].lower() == known.description.lower()


def test_each_kind_of_conversation_has_its_own_menu() -> None:
    alone, shared = lists(content())
    assert alone["scopes"] == ["personal"]
    assert shared["scopes"] == ["team", "groupChat"]
    titles = [[command["title"] for command in one["commands"]] for one in (alone, shared)]
    assert "alerts here" in titles[1]
    assert "alerts here" not in titles[0]
    assert "help" in titles[0]
    assert "help" in titles[1]


def test_too_many_commands_for_the_menu_are_refused() -> None:
    about = load_manifest_settings({}, None)
    with pytest.raises(
        ValueError, match="the personal menu would have 20 commands; it can show 10"
    ):
        manifest(about, VERSION, [*COMMANDS, *COMMANDS])


def test_the_ids_and_pages_come_from_the_settings() -> None:
    made = content(
        TEAMS_DEVELOPER_NAME="Platform Team",
        TEAMS_WEBSITE_URL="https://wiki.example.org/costs",
        TEAMS_PRIVACY_URL="https://wiki.example.org/privacy",
    )
    assert made["id"] == made["bots"][0]["botId"] == APP_ID.lower()
    assert made["developer"] == {
        "name": "Platform Team",
        "websiteUrl": "https://wiki.example.org/costs",
        "privacyUrl": "https://wiki.example.org/privacy",
        "termsOfUseUrl": "https://wiki.example.org/costs",
    }
    assert made["version"] == VERSION


def made_with(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "manifest"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_writes_the_package_of_the_settings_and_always_the_same_bytes(
    tmp_path: Path,
) -> None:
    (tmp_path / ".env").write_text(f"MicrosoftAppId={APP_ID}\nTEAMS_WEBSITE_URL=https://x.org\n")
    result = made_with(tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert APP_ID.lower() in result.stdout
    data = (tmp_path / "dist" / "manifest.zip").read_bytes()
    assert problems(data) == []
    assert data == package(content(TEAMS_WEBSITE_URL="https://x.org"), icons())
    with zipfile.ZipFile(tmp_path / "dist" / "manifest.zip") as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.compress_type == zipfile.ZIP_STORED


def test_without_an_app_id_there_is_a_placeholder_and_a_warning(
    tmp_path: Path,
) -> None:
    result = made_with(tmp_path)
    assert result.returncode == 0
    assert "Warning: MicrosoftAppId is not set" in result.stderr
    assert "TEAMS_WEBSITE_URL is not set" in result.stderr
    with zipfile.ZipFile(tmp_path / "dist" / "manifest.zip") as archive:
        made = json.loads(archive.read("manifest.json"))
    assert made["id"] == made["bots"][0]["botId"] == PLACEHOLDER_ID


def test_a_wrong_setting_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    result = made_with(tmp_path, TEAMS_WEBSITE_URL="http://x.org", MicrosoftAppId="agent")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: MicrosoftAppId must be an ID ")
    assert "TEAMS_WEBSITE_URL must be a URL such as https://example.com" in result.stderr
    assert not (tmp_path / "dist").exists()
