"""A folder that all test processes of a run share: their MongoDB, and the authority they trust."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import trustme

PREFIX = "cost-agent-tests-"
MEMORY_DISK = Path("/dev/shm")
MIN_FREE_BYTES = 4 * 2**30
"""A container often has 64 MB there, which MongoDB would fill."""
AUTHORITY = "authority.pem"


def make_shared_folder() -> Path:
    """Make the folder, in memory where there is room for it.

    MongoDB syncs each of a new database's 46 files: a second on a busy disk, a fifth in memory.
    """
    in_memory = MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > MIN_FREE_BYTES
    if in_memory:
        _remove_left_behind()
    folder = Path(
        tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=MEMORY_DISK if in_memory else None)
    )
    trustme.CA().cert_pem.write_to_path(str(folder / AUTHORITY))
    return folder


def remove_shared_folder(folder: Path) -> None:
    """Remove the folder once its MongoDB has ended, which it does without users."""
    guardian = folder / "mongo" / "guardian.lock"
    if guardian.exists():
        with guardian.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind() -> None:
    """Free the memory of runs that were killed."""
    for folder in MEMORY_DISK.glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def trust_nobody_else(folder: Path) -> None:
    """Trust one authority, as a client needs 26 ms to load all of the system's.

    No test reaches a server that has a certificate of theirs.
    """
    os.environ["SSL_CERT_FILE"] = str(folder / AUTHORITY)
