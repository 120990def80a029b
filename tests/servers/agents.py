"""The agent as a process of its own, started as a fork of one that has imported it already.

Importing the agent is nearly all that a start costs: 1.5 s of CPU time, some 170 times in the
suite. As nothing happens at import (docs/decisions/0001-architecture.md), a fork with its own
arguments, environment, folder and streams is the same as a start. `make test-all` forks nothing.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parent.parent.parent
MAX_REQUEST_BYTES = 2**17


class AgentFork(subprocess.Popen[str]):
    """What `subprocess.Popen` offers, for a process that is not a child of this one.

    Its exit code comes through a pipe, from the fork that waits for it.
    """

    def __init__(
        self,
        server: socket.socket,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: str,
        stderr: IO[bytes] | None,
    ) -> None:
        self.args = arguments
        self.returncode = None
        self.stdin = None
        self._report, report = os.pipe()
        out, to_out = os.pipe()
        err, to_err = (None, os.dup(stderr.fileno())) if stderr else os.pipe()
        request = {"arguments": arguments, "environment": dict(environment), "folder": folder}
        try:
            socket.send_fds(server, [json.dumps(request).encode()], [to_out, to_err, report])
        finally:
            for handle in (to_out, to_err, report):
                os.close(handle)
        self.stdout = os.fdopen(out, encoding="utf-8")
        self.stderr = None if err is None else os.fdopen(err, encoding="utf-8")
        self.pid = int(self._line())

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._report, 1)
            if not byte:
                raise RuntimeError("the process that starts agents has ended")
            line += byte
        return line.decode()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            status = int(self._line())
            os.close(self._report)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def communicate(
        self,
        input: str | None = None,  # noqa: A002 - the name in Popen
        timeout: float | None = None,
    ) -> tuple[str, Any]:
        read: dict[str, str] = {}

        def drain(name: str, stream: IO[str] | None) -> None:
            if stream is not None and not stream.closed:
                read[name] = stream.read()
                stream.close()

        until = None if timeout is None else time.monotonic() + timeout
        threads = [
            threading.Thread(target=drain, args=part, daemon=True)
            for part in (("out", self.stdout), ("err", self.stderr))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
            if thread.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if until is None else max(0.0, until - time.monotonic()))
        return read.get("out", ""), read.get("err", "")

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)


class AgentStarter:
    """A process that has imported the agent and is forked for each start; a context manager."""

    def __enter__(self) -> Self:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.agents"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.wait()

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: str,
        stderr: IO[bytes] | None,
    ) -> AgentFork:
        """Starts the agent with nothing but this environment."""
        return AgentFork(self._socket, arguments, environment, folder, stderr)


def serve(requests: socket.socket) -> None:
    """Forks for each request until there is nobody to send one."""
    import app  # noqa: PLC0415 - once, for all forks

    assert threading.active_count() == 1
    while True:
        text, handles, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 3)
        if not text:
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            requests.close()
            _wait_for_fork(handles[2])
            os.close(handles[2])
            _become(json.loads(text), handles[0], handles[1])
            sys.exit(app.main())
        for handle in handles:
            os.close(handle)


def _wait_for_fork(report: int) -> None:
    """Returns in a fork of this process; this one reports how the fork ends."""
    pid = os.fork()
    if pid == 0:
        return
    os.closerange(0, report)  # the streams are the fork's alone
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(report, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(report, f"{status}\n".encode())
    os._exit(0)


def _become(request: dict[str, Any], out: int, err: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    for handle, place in ((null, 0), (out, 1), (err, 2)):
        os.dup2(handle, place)
        os.close(handle)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.chdir(request["folder"])
    sys.argv = [str(ROOT / "app.py"), *request["arguments"]]


if __name__ == "__main__":
    with socket.socket(fileno=0) as inherited:
        serve(inherited)
