"""A relay in front of a MongoDB, which can be cut as a network can.

It runs in a thread of its own: the driver closes its connections without giving the event loop a
turn, and waits for an answer meanwhile.
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
        """Takes connections, again on the same port."""
        asyncio.run_coroutine_threadsafe(self._restore(), self._loop).result(5)

    def cut(self) -> None:
        """Ends all connections and takes no more."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(5)

    async def _restore(self) -> None:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _cut(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        async with asyncio.timeout(4):
            while self._open:
                await asyncio.sleep(0.005)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        far_reader, far_writer = await asyncio.open_unix_connection(self._path)
        await asyncio.gather(_copied(reader, far_writer), _copied(far_reader, writer))
        writer.close()
        self._open.discard(writer)


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
