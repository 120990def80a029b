"""A TCP proxy that cuts, holds and changes what passes through it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Proxy:
    """Between a client and a server on this machine; an async context manager."""

    target: int
    """Port of the server."""
    change: Callable[[bytes], bytes] = lambda data: data
    """What the client gets instead of what the server says."""
    most_up: int | None = None
    """Bytes of a client's that get through before its connection is cut; None: all."""
    most_down: int | None = None
    """The same of the server's."""
    source: Callable[[], tuple[str, int] | None] = lambda: None
    """Where the next connection to the server comes from; None: from anywhere on this machine."""
    open: bool = True
    """Refuses and cuts everything when False."""
    port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.sleep(0)  # so that all that were accepted are among the tasks
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # so that what was cut is closed

    def cut(self) -> None:
        """Ends all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def outage(self, seconds: float) -> None:
        """Nobody gets through for a while."""
        self.open = False
        self.cut()
        await asyncio.sleep(seconds)
        self.open = True

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            if self.open:
                await self._join(reader, writer)
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(
            "127.0.0.1", self.target, local_addr=self.source()
        )
        self._writers.add(there_writer)
        try:
            await asyncio.gather(
                self._pump(reader, there_writer, lambda data: data, self.most_up),
                self._pump(there_reader, writer, self.change, self.most_down),
            )
        finally:
            self._writers.discard(there_writer)
            there_writer.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        change: Callable[[bytes], bytes],
        most: int | None,
    ) -> None:
        passed = 0
        while data := await reader.read(65536):
            if most is not None and passed + len(data) > most:
                writer.write(change(data[: most - passed]))
                await writer.drain()
                await asyncio.sleep(0.005)  # so that it gets there before the end does
                break
            passed += len(data)
            writer.write(change(data))
            await writer.drain()
        raise ConnectionResetError
