"""The Agents Playground as ``make playground`` starts it, in front of an agent."""

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.browser.page import PLAYGROUND

START = PLAYGROUND / "start.mjs"


def command(agent_port: int | str, port: int | str, **more: str) -> "subprocess.Popen[str]":
    """Starts the program behind ``make playground``."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
    ports = {"PORT": str(agent_port), "PLAYGROUND_PORT": str(port)}
    return subprocess.Popen(
        ["node", str(START)],
        env={**kept, **ports, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def refused(agent_port: int | str, port: int | str) -> tuple[int, str]:
    """(exit code, what it said) of a start that must fail."""
    process = command(agent_port, port)
    _, said = await asyncio.to_thread(process.communicate, None, 60)
    return process.returncode, said


@asynccontextmanager
async def running(
    agent_port: int, port: int, **more: str
) -> AsyncIterator[tuple[str, "subprocess.Popen[str]"]]:
    """(address, process) of a Playground that says where it is."""
    process = command(agent_port, port, **more)

    def read() -> str:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Stop with Ctrl-C"):
                break
        return "".join(lines)

    try:
        said = await asyncio.wait_for(asyncio.to_thread(read), 90)
        assert f"http://127.0.0.1:{port}" in said, process.stderr and process.stderr.read()
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.communicate, None, 30)
