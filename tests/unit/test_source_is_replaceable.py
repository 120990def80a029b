"""Nothing outside its adapter knows which cost source there is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("api", "bot", "cards", "cli", "deploy", "manifest", "services")
HOMES = ("services/adapters/datadog", "services/settings")
"""The adapter, and the settings that lead to it. app.py picks it; tests drive it."""
WORDS = re.compile(r"datadog|aws\.cost\.|\bDD-", re.IGNORECASE)
SOURCE_CLASS = re.compile(r"\w+Source\b")


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "node_modules" not in name and not name.startswith(HOMES):
                yield path


def words_of(tree: ast.AST) -> Iterator[str]:
    """Every name and every text of a module, docstrings included."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            values = value if isinstance(value, list) else [value]
            yield from (text for text in values if isinstance(text, str))


def faults(code: str) -> list[str]:
    """What a module says that only the adapter may say."""
    tree = ast.parse(code)
    named = [word for word in words_of(tree) if WORDS.search(word)]
    asked = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "isinstance"
        and SOURCE_CLASS.search(ast.unparse(node.args[1]))
    ]
    return named + asked


def test_no_other_module_names_the_source_or_its_metrics() -> None:
    paths = list(modules())
    assert len(paths) > 200
    found = {
        path.relative_to(ROOT).as_posix(): said
        for path in paths
        if (said := faults(path.read_text("utf-8")))
    }
    assert found == {}


def test_app_picks_the_source_and_asks_nothing_of_it() -> None:
    tree = ast.parse((ROOT / "app.py").read_text("utf-8"))
    naming = {
        type(node).__name__ if not isinstance(node, ast.FunctionDef) else node.name
        for node in tree.body
        if any(map(WORDS.search, words_of(node)))
    }
    assert naming == {"ImportFrom", "make_source"}


@pytest.mark.parametrize(
    "code",
    [
        "import services.adapters.datadog",
        "from services.adapters import datadog as source",
        "def datadog_costs() -> None: ...",
        "settings.datadog",
        "call(datadog=1)",
        '"""Reads from Datadog."""',
        'f"Check in Datadog that {x}"',
        'metric = "aws.cost.amortized"',
        "isinstance(source, SampleSource)",
    ],
)
def test_each_way_to_say_it_is_found(code: str) -> None:
    assert faults(code)
