"""Unit tests reach no server and start no process."""

import sys
from collections.abc import Iterator

import pytest

FORBIDDEN = {"socket.connect", "socket.bind", "subprocess.Popen", "os.fork", "os.posix_spawn"}
_seen: list[str] = []


def _note(event: str, args: tuple[object, ...]) -> None:
    if event in FORBIDDEN:
        _seen.append(f"{event} {args!r}"[:200])


sys.addaudithook(_note)  # stays for good; only the tests of this folder look at what it saw


@pytest.fixture(autouse=True)
def _stays_in_its_process() -> Iterator[None]:
    _seen.clear()
    yield
    assert _seen == [], "a unit test reaches outside; it belongs into another folder of tests/"
