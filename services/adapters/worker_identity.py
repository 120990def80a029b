"""Tells workers apart, and says when one of them has certainly ended.

A lease must otherwise run out before another worker may go on. On the same machine the kernel
knows better: a process that is gone cannot come back, so its work is free at once.
"""

import os
import secrets
import socket
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PID_NAMESPACE = Path("/proc/self/ns/pid")


def worker_name() -> str:
    """The name of this process, unlike any other's: ``host|place|pid|started|token``.

    ``place`` is the kernel's boot and pid namespace, empty where the system has no /proc.
    """
    pid = os.getpid()
    parts = [socket.gethostname(), _place(), str(pid), _started(pid), secrets.token_hex(4)]
    return "|".join(parts)


def is_worker_dead(worker: str) -> bool:
    """Whether this worker's process has ended for certain; False when that cannot be known."""
    try:
        _, place, pid_text, started, _ = worker.split("|")
        pid = int(pid_text)
    except ValueError:
        return False
    if pid <= 0 or not place or place != _place():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    now_started = _started(pid)
    return bool(started and now_started) and started != now_started


def _place() -> str:
    try:
        return f"{BOOT_ID.read_text('ascii').strip()}/{PID_NAMESPACE.readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Ticks from boot to the process's start (proc(5), stat, field 22); empty if unknown."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
