"""Names of workers, and whether one of them is certainly dead.

Normally a lease must expire before another worker may continue. On the same machine there is no need
to wait: a process that has ended cannot come back, so its work is free immediately.
"""

import os
import secrets
import socket
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")


def worker_name() -> str:
    """A unique name for this process: ``host|place|pid|started|token``.

    ``place`` is the boot and the PID namespace, within which a PID means something; it is empty on
    systems without /proc.
    """
    pid = os.getpid()
    parts = [socket.gethostname(), _place(), str(pid), _started(pid), secrets.token_hex(4)]
    return "|".join(parts)


def is_worker_dead(worker: str) -> bool:
    """Whether this worker's process has certainly ended; False when that is unknown."""
    try:
        _, place, pid_text, started, _ = worker.split("|")
        pid = int(pid_text)
    except ValueError:
        return False
    if pid <= 0 or not place or place != _place():
        return False
    try:
        os.kill(pid, 0)  # signal 0 only checks that the process exists (kill(2))
    except ProcessLookupError:
        return True
    except PermissionError:  # it exists and belongs to another user
        return False
    # The kernel reuses PIDs: the same PID with another start time is another process.
    started_now = _started(pid)
    return bool(started and started_now) and started != started_now


def _place() -> str:
    try:
        return f"{BOOT_ID.read_text('ascii').strip()}/{PID_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Clock ticks from boot to the start of the process; empty if unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    # Field 22 of proc(5), counted after the last parenthesis: field 2 is the command in parentheses,
    # which may itself contain spaces and parentheses.
    return stat.rpartition(")")[2].split()[19]
