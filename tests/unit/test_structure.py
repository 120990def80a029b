"""The shape of the code, read from its syntax trees: sizes, constructors, and class names.

Import directions are the contracts of import-linter (``test_import_contracts.py``).
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("api", "bot", "cards", "cli", "deploy", "manifest", "services")
MAX_FUNCTION_LINES = 59
MAX_ARGUMENTS = 8
MAX_COLLABORATORS = 8
MAX_ROOT_LINES = 200
MAX_ROOT_FUNCTION_LINES = 40
PACKAGE_AND_FACE = 2
WITH_A_FACE = (
    *("administration", "alerts", "anomalies", "application", "costs", "mailing", "operations"),
    *("presentation", "reports", "runs", "teams"),
)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Trees = Mapping[str, ast.Module]


def parsed(root: Path = ROOT) -> dict[str, ast.Module]:
    """Path → syntax tree of every module of the product."""
    paths = [root / "app.py", *(p for name in PACKAGES for p in (root / name).rglob("*.py"))]
    return {str(p.relative_to(root)): ast.parse(p.read_text("utf-8")) for p in paths}


@pytest.fixture(scope="module")
def trees() -> dict[str, ast.Module]:
    return parsed()


def classes(trees: Trees) -> Iterator[tuple[str, ast.ClassDef]]:
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield path, node


def long_functions(trees: Trees, most: int) -> list[str]:
    return [
        f"{path}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > most
    ]


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    """All arguments of a method but ``self``."""
    names = function.args
    return [*names.posonlyargs, *names.args, *names.kwonlyargs][1:]


def constructor(node: ast.ClassDef) -> ast.FunctionDef | None:
    return next(
        (
            child
            for child in node.body
            if isinstance(child, ast.FunctionDef) and child.name == "__init__"
        ),
        None,
    )


def wide_constructors(trees: Trees) -> list[str]:
    return [
        f"{path}: {node.name} takes {len(arguments(init))} arguments"
        for path, node in classes(trees)
        if (init := constructor(node)) is not None and len(arguments(init)) > MAX_ARGUMENTS
    ]


def names_in(annotation: ast.expr | None) -> set[str]:
    """Every name in an annotation, also in one that is written as text."""
    if annotation is None:
        return set()
    found = set()
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= names_in(ast.parse(node.value, mode="eval").body)
    return found


def is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def fields(node: ast.ClassDef) -> list[ast.AnnAssign]:
    return [child for child in node.body if isinstance(child, ast.AnnAssign)]


def collaborators(trees: Trees) -> set[str]:
    """Names of types that do something: protocols, callables, and whatever is made of them."""
    found = {"Callable"}
    for tree in trees.values():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                if "Callable" in ast.unparse(node.value).split("[")[0]:
                    found.add(node.targets[0].id)
            elif isinstance(node, ast.ClassDef) and "Protocol" in map(ast.unparse, node.bases):
                found.add(node.name)
    while True:
        more = {
            node.name
            for _, node in classes(trees)
            if node.name not in found and parts_of(node) & found
        }
        if not more:
            return found
        found |= more


def parts_of(node: ast.ClassDef) -> set[str]:
    """Names of the types that an instance is made of."""
    init = constructor(node)
    given = [argument.annotation for argument in arguments(init)] if init else []
    if is_dataclass(node):
        given += [field.annotation for field in fields(node)]
    return set().union(*(names_in(annotation) for annotation in given))


def wide_dataclasses(trees: Trees) -> list[str]:
    holders = collaborators(trees)
    return [
        f"{path}: {node.name} has {len(fields(node))} fields"
        for path, node in classes(trees)
        if is_dataclass(node)
        and node.name in holders
        and node.name != "Application"
        and len(fields(node)) > MAX_COLLABORATORS
    ]


def imports_past_a_face(trees: Trees) -> list[str]:
    """Imports of a module inside a package of services from outside that package."""
    return [
        f"{path}: {node.module}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (parts := (node.module or "").split("."))[0] == "services"
        and len(parts) > PACKAGE_AND_FACE
        and parts[1] in WITH_A_FACE
        and not path.startswith(f"services/{parts[1]}/")
    ]


def repeated_names(trees: Trees) -> list[str]:
    places = defaultdict(list)
    for path, node in classes(trees):
        places[node.name].append(path)
    return [f"{name}: {', '.join(paths)}" for name, paths in places.items() if len(paths) > 1]


def test_services_consists_of_packages() -> None:
    loose = [p.name for p in (ROOT / "services").glob("*.py") if p.name != "__init__.py"]
    assert loose == []


def test_functions_are_under_60_lines(trees: Trees) -> None:
    assert long_functions(trees, MAX_FUNCTION_LINES) == []


def test_the_composition_root_is_short(trees: Trees) -> None:
    assert len((ROOT / "app.py").read_text("utf-8").splitlines()) <= MAX_ROOT_LINES
    assert long_functions({"app.py": trees["app.py"]}, MAX_ROOT_FUNCTION_LINES) == []


def test_no_constructor_takes_more_than_eight_arguments(trees: Trees) -> None:
    assert wide_constructors(trees) == []


def test_no_dataclass_of_collaborators_has_more_than_eight_fields(trees: Trees) -> None:
    assert wide_dataclasses(trees) == []


def test_a_class_name_has_one_meaning(trees: Trees) -> None:
    assert repeated_names(trees) == []


def test_callers_use_the_face_of_a_package(trees: Trees) -> None:
    assert imports_past_a_face(trees) == []


WIDE = "\n".join(f"    field_{i}: int" for i in range(8))
PLANTED = f"""
from dataclasses import dataclass
from typing import Protocol
Start = Callable[[str], None]
class Port(Protocol):
    def read(self) -> int: ...
class UseCase:
    def __init__(self, port: "Port") -> None: ...
class Wide:
    def __init__(self, a, b, c, d, e, f, g, *, h, i) -> None: ...
@dataclass
class HoldsPort:
    port: Port
{WIDE}
@dataclass
class HoldsUseCase:
    use_case: UseCase | None
{WIDE}
@dataclass
class HoldsCallable:
    start: Start
{WIDE}
@dataclass
class Values:
    number: int
{WIDE}
"""


def test_each_rule_finds_what_breaks_it() -> None:
    planted = {"planted.py": ast.parse(PLANTED), "again.py": ast.parse("class Wide: ...")}

    assert wide_constructors(planted) == ["planted.py: Wide takes 9 arguments"]
    assert wide_dataclasses(planted) == [
        "planted.py: HoldsPort has 9 fields",
        "planted.py: HoldsUseCase has 9 fields",
        "planted.py: HoldsCallable has 9 fields",
    ]
    assert repeated_names(planted) == ["Wide: planted.py, again.py"]
    past = {"bot/turns.py": ast.parse("from services.teams.teams import Teams")}
    assert imports_past_a_face(past) == ["bot/turns.py: services.teams.teams"]
    body = "def long() -> None:\n" + "    pass\n" * 60
    assert long_functions({"long.py": ast.parse(body)}, 60) == ["long.py: long has 61 lines"]
