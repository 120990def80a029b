"""The embedded MongoDB: shared, persistent, and gone with its last user, however that one ends."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services.adapters.embedded_mongo.server import (
    check_binary,
    find_mongod,
    socket_path,
    start_embedded,
)
from services.domain.errors import SettingsError
from tests.conftest import ROOT

USER = """
import asyncio, sys
from pathlib import Path
from services.adapters.embedded_mongo.server import start_embedded
from services.domain.errors import AgentError
async def main():
    async with start_embedded(Path(sys.argv[1])) as mongo:
        print(mongo.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
try:
    asyncio.run(main())
except AgentError as error:
    print("Error:", error, flush=True)
"""


class User:
    """A process that uses the embedded MongoDB of a folder."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline().strip()

    def leave(self) -> None:
        with suppress(BrokenPipeError):
            self.process.communicate("\n", timeout=30)
        self.process.wait(30)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=30)


def processes(folder: Path, program: str) -> list[int]:
    """The ids of the processes of a folder that run "mongod" or "guardian.py"."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            mine = any(str(folder) in word for word in words)
            if mine and program in {Path(word).name for word in words[:3]}:
                found.append(int(entry.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def written(url: str) -> int:
    client: MongoClient[dict[str, object]] = MongoClient(url)
    try:
        client.test.things.insert_one({})
        return client.test.things.count_documents({})
    finally:
        client.close()


def test_two_processes_share_it_and_the_last_one_ends_it(tmp_path: Path) -> None:
    first, second = User(tmp_path), User(tmp_path)
    assert first.said == second.said
    assert written(first.said) == 1
    assert len(processes(tmp_path, "mongod")) == 1
    first.leave()
    assert written(second.said) == 2
    second.leave()
    until(lambda: not processes(tmp_path, "mongod") and not processes(tmp_path, "guardian.py"))
    third = User(tmp_path)
    assert written(third.said) == 3
    third.leave()
    until(lambda: not processes(tmp_path, "mongod"))


def test_it_ends_after_its_user_is_killed_and_starts_again_with_its_data(tmp_path: Path) -> None:
    user = User(tmp_path)
    written(user.said)
    user.kill()
    until(lambda: not processes(tmp_path, "mongod"))
    again = User(tmp_path)
    assert written(again.said) == 2
    again.leave()


def test_a_start_right_after_a_kill_waits_for_the_old_one(tmp_path: Path) -> None:
    user = User(tmp_path)
    written(user.said)
    user.kill()
    again = User(tmp_path)
    assert written(again.said) == 2
    again.leave()
    until(lambda: not processes(tmp_path, "mongod"))


def test_a_killed_guardian_leaves_no_orphan_and_its_place_is_taken(tmp_path: Path) -> None:
    user = User(tmp_path)
    written(user.said)
    (guardian,) = processes(tmp_path, "guardian.py")
    os.kill(guardian, signal.SIGKILL)
    again = User(tmp_path)
    assert written(again.said) == 2
    user.leave()
    again.leave()
    until(lambda: not processes(tmp_path, "mongod"))


def test_a_mongod_that_dies_is_started_again_under_its_users(tmp_path: Path) -> None:
    user = User(tmp_path)
    written(user.said)
    (server,) = processes(tmp_path, "mongod")
    os.kill(server, signal.SIGKILL)
    late = User(tmp_path)
    assert written(late.said) == 2
    user.leave()
    late.leave()
    until(lambda: not processes(tmp_path, "mongod"))


def test_a_guardian_that_is_killed_is_replaced_under_its_only_user(tmp_path: Path) -> None:
    user = User(tmp_path)
    written(user.said)
    (guardian,) = processes(tmp_path, "guardian.py")
    os.kill(guardian, signal.SIGKILL)
    until(lambda: [guardian] != processes(tmp_path, "guardian.py") != [])
    assert written(user.said) == 2
    user.leave()
    until(lambda: not processes(tmp_path, "mongod"))


def limit_files(process: int, size: int) -> None:
    """Make writes of a process, and of those that it starts, fail as on a full disk."""
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_after_a_full_disk_that_was_freed_it_serves_again(tmp_path: Path) -> None:
    user = User(tmp_path)
    written(user.said)
    (guardian,) = processes(tmp_path, "guardian.py")
    (server,) = processes(tmp_path, "mongod")
    for process in (user.process.pid, guardian):
        limit_files(process, 4096)
    os.kill(server, signal.SIGKILL)
    until(lambda: not processes(tmp_path, "guardian.py"))  # it has given up
    with pytest.raises(PyMongoError):
        written(f"{user.said}&serverSelectionTimeoutMS=500")

    limit_files(user.process.pid, resource.RLIM_INFINITY)
    until(lambda: bool(processes(tmp_path, "mongod")), 40)
    assert written(user.said) == 2
    user.leave()
    until(lambda: not processes(tmp_path, "mongod"))


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    user = User(folder)
    assert written(user.said) == 1
    path = socket_path(folder / "mongo")
    assert len(os.fsencode(path)) < 100
    assert path.parent.stat().st_mode & 0o077 == 0
    user.leave()


def test_a_folder_that_a_foreign_mongod_holds_is_named(tmp_path: Path) -> None:
    data = tmp_path / "mongo" / "db"
    data.mkdir(parents=True)
    foreign = subprocess.Popen(
        [
            find_mongod(),
            *("--dbpath", str(data), "--bind_ip", str(tmp_path / "other.sock")),
            *("--nounixsocket", "--logpath", str(tmp_path / "log")),
        ]
    )
    try:
        until((tmp_path / "other.sock").exists)
        refused = User(tmp_path)
        refused.leave()
        assert "in use by another mongod" in refused.said
    finally:
        foreign.terminate()
        foreign.wait(30)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="DATA_DIR"):
        asyncio.run(_entered(tmp_path / "file"))


async def _entered(folder: Path) -> None:
    async with start_embedded(folder):
        pass


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'mongod: loading shared libraries: libcurl.so.4: cannot open' >&2; exit 127",
            "apt-get install libcurl4",
        ),
        ("kill -ILL $$", "AVX"),
        ("echo odd >&2; exit 3", "MONGO_URL"),
    ],
    ids=["library", "cpu", "other"],
)
def test_a_binary_that_does_not_run_says_what_to_do(
    tmp_path: Path, script: str, words: str
) -> None:
    binary = tmp_path / "mongod"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    with pytest.raises(SettingsError, match=words):
        check_binary(str(binary))
