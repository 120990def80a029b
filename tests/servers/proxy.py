"""A TCP proxy that cuts connections and changes what passes through it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Proxy:
    """Connects clients to a server on this machine; an async context manager."""

    target: int
    """Port of the server."""
    change: Callable[[bytes], bytes] = lambda data: data
    """What the client receives instead of what the server sent."""
    max_bytes_up: int | None = None
    """Bytes from the client that pass before the connection is cut; None: no limit."""
    max_bytes_down: int | None = None
    """Bytes from the server that pass before the connection is cut; None: no limit."""
    source: Callable[[], tuple[str, int] | None] = lambda: None
    """Local address of the next connection to the server; None: any."""
    open: bool = True
    """When False, connections are accepted and cut at once."""
    port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.sleep(0)  # lets accepted connections become tasks
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets aborted transports close

    def cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def outage(self, seconds: float) -> None:
        """Cut everything for a while."""
        self.open = False
        self.cut()
        await asyncio.sleep(seconds)
        self.open = True

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))

        # Not inside the task: one that is cancelled before it begins would leave the socket open.
        def end(_: object) -> None:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

        self._tasks.add(task)
        self._writers.add(writer)
        task.add_done_callback(end)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if self.open:
                await self._join(reader, writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(
            "127.0.0.1", self.target, local_addr=self.source()
        )
        self._writers.add(server_writer)
        try:
            await asyncio.gather(
                self._pump(reader, server_writer, lambda data: data, self.max_bytes_up),
                self._pump(server_reader, writer, self.change, self.max_bytes_down),
            )
        finally:
            self._writers.discard(server_writer)
            server_writer.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes], bytes],
        max_bytes: int | None,
    ) -> None:
        passed = 0
        while data := await reader.read(65536):
            if max_bytes is not None and passed + len(data) > max_bytes:
                writer.write(change(data[: max_bytes - passed]))
                await writer.drain()
                await asyncio.sleep(0.005)  # the data must arrive before the end of the connection
                break
            passed += len(data)
            writer.write(change(data))
            await writer.drain()
        raise ConnectionResetError
