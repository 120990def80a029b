"""Runs mongod until its last user is gone. A program of its own: standard library only.

Arguments: the mongod binary, the data folder, the socket path. It leaves ``guardian.report`` in
the folder: empty once mongod has been started, mongod's exit code when it ended by itself.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 0.2
STOP_SECONDS = 30
MOST_RESTARTS = 3
LONG_ENOUGH = 60.0
"""A mongod that ran for so many seconds has started well; its end is no failed start."""


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(binary: str, folder: Path, path: Path) -> "subprocess.Popen[bytes]":
    """Starts mongod with a unix socket only, a small cache and a small journal."""
    (folder / "db").mkdir(mode=0o700, exist_ok=True)
    return subprocess.Popen(  # noqa: S603 - the arguments come from our own launcher
        [
            binary,
            *("--dbpath", str(folder / "db")),
            *("--bind_ip", str(path)),
            "--nounixsocket",
            *("--logpath", str(folder / "mongod.log")),
            "--logappend",
            "--quiet",
            *("--wiredTigerCacheSizeGB", "0.25"),
            *("--networkMessageCompressors", "disabled"),
            *("--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has a single thread
    )


def last_user_gone(users: int) -> bool:
    """Whether nobody holds the shared lock any more; if so, nobody new gets it until we end."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def watch(server: "subprocess.Popen[bytes]", users: int) -> bool:
    """Waits; True when the last user is gone, False when mongod ended by itself."""
    while server.poll() is None:
        if last_user_gone(users):
            return True
        time.sleep(LOOK_SECONDS)
    return False


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Asks mongod to end and waits for it."""
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def main() -> int:
    """Starts mongod, again if it dies under its users, and stops it after the last one."""
    binary, folder, path = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    report = folder / "guardian.report"
    users = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    alive = os.open(folder / "guardian.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)  # held as long as this process lives
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for _ in range(MOST_RESTARTS + 1):
        began = time.monotonic()
        server = start(binary, folder, path)
        signal.signal(signal.SIGTERM, lambda *_, child=server: child.terminate())
        report.write_text("", "ascii")
        if watch(server, users):
            stop(server)
            return 0
        report.write_text(str(server.returncode), "ascii")
        if time.monotonic() - began < LONG_ENOUGH:
            return 1
    return 1


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # the launcher has nothing to wait for; the guardian is nobody's child
    sys.exit(main())
