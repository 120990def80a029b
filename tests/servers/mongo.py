"""Real MongoDB servers that a test may kill and suspend, standalone or as a replica set.

The embedded binary on loopback ports, with test commands (fail points) enabled.
"""

import asyncio
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services.adapters.embedded_mongo.server import find_mongod

ELECTION_MS = 2000
HEARTBEAT_MS = 500
START_SECONDS = 60.0


def free_ports(number: int) -> list[int]:
    """Ports that nothing listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(listener.getsockname()[1]) for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


@dataclass
class Mongod:
    """One server; a context manager that starts it and kills it at the end."""

    folder: Path
    port: int = 0
    options: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> Self:
        self.port = self.port or free_ports(1)[0]
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"mongodb://{self.address}/?directConnection=true"

    def start(self) -> None:
        """Start the process and wait until it accepts connections."""
        data = self.folder / "db"
        data.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [
                find_mongod(),
                *("--dbpath", str(data), "--port", str(self.port), "--bind_ip", "127.0.0.1"),
                *("--nounixsocket", "--quiet", "--logappend"),
                *("--logpath", str(self.folder / "mongod.log")),
                *("--wiredTigerCacheSizeGB", "0.25"),
                *("--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
                *("--setParameter", "diagnosticDataCollectionEnabled=false"),
                *("--setParameter", "enableTestCommands=1"),
                *self.options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            restore_signals=False,  # SIGXFSZ stays ignored: a write beyond the limit fails
            start_new_session=True,
        )
        until = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.process.poll() is None, f"mongod ended; see {self.folder}/mongod.log"
            assert time.monotonic() < until, "mongod did not start"
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it accepts connections."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def send(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """Kill the process and wait for its end."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()

    def fill_disk(self) -> None:
        """Make writes fail as on a full disk: no file may grow beyond 4 KiB."""
        assert self.process is not None
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (4096, 4096))

    def command(self, *args: Any, **more: Any) -> dict[str, Any]:
        """Run a command on the admin database."""
        with MongoClient[dict[str, Any]](self.url, serverSelectionTimeoutMS=5000) as client:
            return dict(client.admin.command(*args, **more))

    def fail(self, commands: Sequence[str], times: int, **data: Any) -> None:
        """Make the agent's next commands with these names fail.

        ``data``: ``errorCode=…`` or ``closeConnection=True``.
        """
        self.command(
            "configureFailPoint",
            "failCommand",
            mode={"times": times},
            data={"failCommands": list(commands), "appName": "aws-cost-agent", **data},
        )


@dataclass
class ReplicaSet:
    """Three servers that elect a primary within seconds."""

    folder: Path
    members: int = 3
    nodes: list[Mongod] = field(default_factory=list)

    def __enter__(self) -> Self:
        ports = free_ports(self.members)
        options = ("--replSet", "rs", "--oplogSize", "64")
        self.nodes = [
            Mongod(self.folder / f"node{i}", port, options) for i, port in enumerate(ports)
        ]
        for node in self.nodes:
            node.start()
        self.nodes[0].command(
            "replSetInitiate",
            {
                "_id": "rs",
                "members": [{"_id": i, "host": n.address} for i, n in enumerate(self.nodes)],
                "settings": {
                    "electionTimeoutMillis": ELECTION_MS,
                    "heartbeatIntervalMillis": HEARTBEAT_MS,
                    "catchUpTimeoutMillis": 2000,
                },
            },
        )
        self.wait_for_primary()
        return self

    def __exit__(self, *_: object) -> None:
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        hosts = ",".join(node.address for node in self.nodes)
        return f"mongodb://{hosts}/?replicaSet=rs"

    def primary(self) -> Mongod | None:
        """The current primary, if there is one."""
        for node in self.nodes:
            if node.alive:
                with suppress(PyMongoError):
                    if node.command("hello").get("isWritablePrimary"):
                        return node
        return None

    def wait_for_primary(self) -> Mongod:
        """Wait for an election and return the primary."""
        until = time.monotonic() + START_SECONDS
        while (primary := self.primary()) is None:
            assert time.monotonic() < until, "no primary was elected"
            time.sleep(0.1)
        return primary

    async def kill_primary(self, seconds: float = 3.0) -> None:
        """Kill the primary as a crash would, and start it again after ``seconds``."""
        node = await asyncio.to_thread(self.wait_for_primary)
        node.send(signal.SIGKILL)
        assert node.process is not None
        await asyncio.to_thread(node.process.wait)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(node.start)
