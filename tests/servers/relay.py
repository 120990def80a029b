"""A relay in front of MongoDB that can be cut, as a network can.

It runs in a thread of its own: the driver closes connections without yielding to the event loop, and
waits for a reply meanwhile.
"""

import asyncio
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import unquote, urlsplit


class MongoRelay:
    """Passes bytes between a port of this machine and the socket in a MongoDB address."""

    def __init__(self, mongo_url: str) -> None:
        self._path = unquote(urlsplit(mongo_url).netloc)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self.restore()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?directConnection=true&journal=true"

    def restore(self) -> None:
        """Accept connections (again), on the same port."""
        asyncio.run_coroutine_threadsafe(self._restore(), self._loop).result(5)

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(5)

    async def _restore(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        async with asyncio.timeout(4):
            while self._open:
                await asyncio.sleep(0.005)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        server_reader, server_writer = await asyncio.open_unix_connection(self._path)
        await asyncio.gather(_copy(reader, server_writer), _copy(server_reader, writer))
        writer.close()
        self._open.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
