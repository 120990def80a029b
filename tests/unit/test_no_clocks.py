"""No test asserts how long something takes: that is measured in tests/bench and tests/slow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
MAY_MEASURE = ("bench", "chaos", "install", "slow")
PERFORMANCE_CLOCKS = {"perf_counter", "process_time", "thread_time", "getrusage", "timeit"}
DEADLINE_CLOCKS = {"monotonic", "time"}
"""May end a wait, as in ``assert time.monotonic() < end``; differences measure."""
FOUND = """
import time
from time import perf_counter_ns
began = time.monotonic()
assert time.monotonic() - began < 3
took = time.time() - began
loop.time() - began
"""
ALLOWED = """
import time
end = time.monotonic() + 60
assert time.monotonic() < end
wait(max(0.0, end - time.monotonic()))
expired = time.time() - 400
"""


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_reading(node: ast.expr, clocks: set[str]) -> bool:
    return isinstance(node, ast.Call) and _name(node.func).removesuffix("_ns") in clocks


def measurements(source: str) -> Iterator[int]:
    """The lines that read a clock to measure, not to wait."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.alias(name=name) | ast.Attribute(attr=name) | ast.Name(id=name) if (
                name.removesuffix("_ns") in PERFORMANCE_CLOCKS
            ):
                yield node.lineno
            # What has passed is now minus the beginning; the remaining time is end minus now, and
            # a time ago is now minus a number.
            case ast.BinOp(op=ast.Sub(), left=left, right=right) if _is_reading(
                left, DEADLINE_CLOCKS
            ) and not isinstance(right, ast.Constant):
                yield node.lineno


def test_measurements_are_distinguished_from_deadlines() -> None:
    assert sorted(measurements(FOUND)) == [3, 5, 6, 7]
    assert list(measurements(ALLOWED)) == []


@pytest.mark.parametrize("path", sorted(TESTS.iterdir()), ids=lambda path: path.name)
def test_no_test_measures_time(path: Path) -> None:
    if path.name in MAY_MEASURE:
        return
    for module in [path] if path.suffix == ".py" else path.rglob("*.py"):
        found = list(measurements(module.read_text("utf-8")))
        assert found == [], module.relative_to(TESTS)
