"""Runs mongod until its last user has ended. A program of its own: standard library only.

Arguments: the mongod binary, the data folder, the socket path. It writes ``guardian.report`` to the
folder: empty when mongod was started, mongod's exit code when it ended by itself.
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
POLL_SECONDS = 0.2
STOP_SECONDS = 30
MAX_RESTARTS = 3
MIN_UPTIME_SECONDS = 60.0
"""A mongod that ends sooner than this has failed to start, and would fail again."""


def _die_with_parent() -> None:
    # Kept across exec. The kernel sends it when the *thread* that forked ends (prctl(2)), so that
    # mongod has to be started from the main thread.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(binary: str, folder: Path, path: Path) -> "subprocess.Popen[bytes]":
    """Start mongod with a Unix socket only, a small cache and a small journal."""
    (folder / "db").mkdir(mode=0o700, exist_ok=True)
    return subprocess.Popen(  # noqa: S603 - the arguments come from our own launcher
        [
            binary,
            *("--dbpath", str(folder / "db")),
            # The socket's path as the only address: no TCP port, and no second socket in /tmp.
            *("--bind_ip", str(path)),
            "--nounixsocket",
            *("--logpath", str(folder / "mongod.log")),
            "--logappend",
            "--quiet",
            *("--wiredTigerCacheSizeGB", "0.25"),
            # CVE-2025-14847: zlib messages leak memory of servers older than 6.0.27.
            *("--networkMessageCompressors", "disabled"),
            # The journal preallocates files of 100 MB: an empty folder takes 301 MiB with
            # them and 16 MiB without.
            *("--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has a single thread
    )


def is_unused(users: int) -> bool:
    """Whether nobody holds the shared lock; if so, nobody gets it until this process ends."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def watch(server: "subprocess.Popen[bytes]", users: int) -> bool:
    """Wait; True when the last user has ended, False when mongod ended by itself."""
    while server.poll() is None:
        if is_unused(users):
            return True
        time.sleep(POLL_SECONDS)
    return False


def stop(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def main() -> int:
    """Start mongod, restart it if it dies while in use, and stop it after its last user."""
    binary, folder, path = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    report = folder / "guardian.report"
    users = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    alive = os.open(folder / "guardian.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)  # held as long as this process lives
    # An interrupt is for the app, which still needs the database while it shuts down.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for _ in range(MAX_RESTARTS + 1):
        began = time.monotonic()
        server = start(binary, folder, path)
        signal.signal(signal.SIGTERM, lambda *_, child=server: child.terminate())
        report.write_text("", "ascii")
        if watch(server, users):
            stop(server)
            return 0
        report.write_text(str(server.returncode), "ascii")
        if time.monotonic() - began < MIN_UPTIME_SECONDS:
            return 1
    return 1


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # the launcher returns; the guardian is adopted by init and leaves no zombie
    sys.exit(main())
