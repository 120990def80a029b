"""Every page of docs/ is in the index, says who it is for, and names only files that exist."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

INDEX = ROOT / "docs" / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
OTHERS = [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]
FOLDERS = "api|bot|cards|cli|deploy|docs|manifest|services|tests"
CODE_PATH = re.compile(rf"`((?:{FOLDERS})/[\w./*-]*|app\.py|pyproject\.toml|Makefile)`")
NAMED_CODE = re.compile(r"`([A-Za-z_.]+)`\s+\(`([\w/]+\.py)`\)")
"""A name with the file that defines it, as the walks of the architecture page write it."""
HISTORY = {"0012-stored-detector-state.md"}
"""Decisions that describe code which is no longer there."""


def ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def begins_well(text: str) -> bool:
    """A title, and a first paragraph that says who the page is for and what comes of reading it."""
    first = re.match(r"# \S.*\n\n(For .+?)\n\n", text, re.DOTALL)
    return first is not None and len(re.findall(r"[.:](?:\s|$)", first[1])) >= 2


def missing(text: str) -> set[str]:
    """The paths of code that a page names and that do not exist."""
    return {path for path in CODE_PATH.findall(text) if not any(ROOT.glob(path.rstrip("/")))}


def defined(source: str) -> set[str]:
    """The functions, classes with their methods, and constants of a module."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = (ast.FunctionDef, ast.AsyncFunctionDef)
            found |= {node.name}
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, methods)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def undefined(text: str) -> set[tuple[str, str]]:
    return {
        (name, path)
        for name, path in NAMED_CODE.findall(text)
        if not (ROOT / path).is_file() or name not in defined((ROOT / path).read_text("utf-8"))
    }


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_page_says_who_it_is_for(page: Path) -> None:
    assert begins_well(page.read_text("utf-8"))


def test_every_page_and_decision_is_in_the_index() -> None:
    links = re.findall(r"\]\(([\w/-]+\.md)\)", INDEX.read_text("utf-8"))
    pages = {ids(path).removeprefix("docs/") for path in [*PAGES, *DECISIONS]}
    assert set(links) == pages - {"README.md"}


@pytest.mark.parametrize("page", [*PAGES, *DECISIONS, *OTHERS], ids=ids)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    if page.name not in HISTORY:
        assert missing(page.read_text("utf-8")) == set()


def test_the_walks_name_code_that_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert len(NAMED_CODE.findall(text)) > 40
    assert undefined(text) == set()


def test_the_checks_notice_what_is_wrong() -> None:
    assert begins_well("# Cards\n\nFor developers. This page shows all cards.\n\nMore.\n")
    assert not begins_well("# Cards\n\nThis page shows all cards. It is short.\n\nMore.\n")
    assert not begins_well("# Cards\n\nFor developers of cards.\n\nMore.\n")
    assert (
        missing("`services/runs/worker.py`, `tests/unit/`, `api/routes/*.py`, `app.py`") == set()
    )
    assert undefined("`make_source` (`app.py`), `Agent` (`app.py`)") == set()
    assert undefined("`Worker.idle`\n(`services/runs/worker.py`)") == {
        ("Worker.idle", "services/runs/worker.py")
    }
    assert undefined("`work` (`services/runs/idler.py`)") == {("work", "services/runs/idler.py")}
    assert missing("`services/runs/idler.py` and `bot/`") == {"services/runs/idler.py"}
