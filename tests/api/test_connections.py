"""Connections: strangers hold idle ones, and everybody else is still answered."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from api.connections import ConnectionLimits, Journal, max_connections, network_of
from api.serving import Site

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Served:
    """A site with one page, which can be made to wait."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.answer = asyncio.Event()
        self.answer.set()
        self.asked = 0
        app = web.Application()
        app.router.add_get("/", self._page)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._site = Site(app, self._listener, limits)
        self.port = self._listener.getsockname()[1]
        self._opened: list[Streams] = []

    async def _page(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self.answer.wait()
        return web.Response(text="ok")

    async def start(self) -> None:
        await self._site.start()

    async def close(self) -> None:
        self.answer.set()
        for _, writer in self._opened:
            writer.close()
        await self._site.close()

    async def connect(self, sent: bytes = b"", source: str = "127.0.0.1") -> Streams:
        """A connection that has sent these bytes, from an address of this machine."""
        streams = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        streams[1].write(sent)
        self._opened.append(streams)
        # Only what the server answers on another connection shows that it has seen this one.
        await asyncio.sleep(0)
        return streams

    async def status(self, source: str = "127.0.0.1") -> int:
        """The status of one request on a connection of its own; 0 if it is closed instead."""
        reader, _ = await self.connect(REQUEST, source)
        async with asyncio.timeout(20):
            return await status_of(reader)


async def status_of(reader: asyncio.StreamReader) -> int:
    try:
        line = await reader.readline()
    except ConnectionError:
        return 0
    return int(line.split()[1]) if line else 0


async def is_closed(streams: Streams) -> bool:
    """Whether the server closes the connection."""
    async with asyncio.timeout(20):
        try:
            return await streams[0].read(1) == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def served(limits: ConnectionLimits) -> AsyncIterator[Served]:
    site = Served(limits)
    await site.start()
    yield site
    await site.close()


async def test_idle_connections_make_room_the_oldest_first() -> None:
    async with served(ConnectionLimits(4)) as site:
        idle = [await site.connect() for _ in range(6)]
        assert await site.status() == 200
        assert [await is_closed(one) for one in idle[:3]] == [True] * 3
        idle[5][1].write(REQUEST)
        assert await status_of(idle[5][0]) == 200


async def test_one_peer_cannot_displace_another() -> None:
    async with served(ConnectionLimits(10, 3)) as site:
        own = await site.connect(source="127.0.0.2")
        strangers = [await site.connect() for _ in range(8)]
        assert await is_closed(strangers[4])
        own[1].write(REQUEST)
        assert await status_of(own[0]) == 200


async def test_a_request_in_progress_is_never_displaced() -> None:
    async with served(ConnectionLimits(2)) as site:
        site.answer.clear()
        waiting = [await site.connect(REQUEST) for _ in range(2)]
        async with asyncio.timeout(20):
            while site.asked < 2:
                await asyncio.sleep(0.01)
        with capture_logs() as lines:
            assert await site.status() == 0
        assert [(line["event"], line["refused"]) for line in lines] == [("connections_limited", 1)]
        site.answer.set()
        assert [await status_of(reader) for reader, _ in waiting] == [200, 200]
        # Answered connections are idle ones again.
        assert await site.status() == 200


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nX: y\r\n"])
async def test_headers_that_do_not_arrive_in_time_close_the_connection(sent: bytes) -> None:
    async with served(ConnectionLimits(headers_seconds=0.05)) as site:
        assert await is_closed(await site.connect(sent))
        assert await site.status() == 200


async def test_the_headers_of_a_second_request_have_as_long() -> None:
    async with served(ConnectionLimits(headers_seconds=0.2)) as site:
        reader, writer = await site.connect(REQUEST)
        assert await status_of(reader) == 200
        await reader.readuntil(b"ok")
        writer.write(b"GET / HT")
        assert await is_closed((reader, writer))


async def test_an_answered_connection_stays_open_for_the_next_request() -> None:
    async with (
        served(ConnectionLimits(headers_seconds=0.05)) as site,
        ClientSession(f"http://127.0.0.1:{site.port}") as session,
    ):
        for _ in range(3):
            async with session.get("/") as answer:
                assert await answer.text() == "ok"
            await asyncio.sleep(0.1)
        site.answer.clear()
        asyncio.get_running_loop().call_later(0.1, site.answer.set)
        async with session.get("/") as answer:
            assert await answer.text() == "ok"


async def test_a_flood_is_one_line_and_its_rest_another() -> None:
    with capture_logs() as lines:
        async with served(ConnectionLimits(3)) as site:
            for _ in range(30):
                await site.connect()
            assert await site.status() == 200
    assert [line["event"] for line in lines] == ["connections_limited"]
    with capture_logs() as lines:
        journal = Journal(seconds=0.05)
        for _ in range(30):
            journal.note("displaced", 3)
        journal.note("late", 3)
        assert len(lines) == 1
        async with asyncio.timeout(20):
            while len(lines) < 2:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
    assert [(line["displaced"], line["late"]) for line in lines] == [(1, 0), (29, 1)]


async def test_too_few_files_are_no_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    loop, limits = asyncio.get_running_loop(), ConnectionLimits(3)
    context = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(errno.EMFILE, "Too many open files"),
        "socket": None,
    }
    with capture_logs() as lines:
        for _ in range(200):
            limits.handle_loop_error(loop, context)
    assert [(line["event"], line["not_accepted"]) for line in lines] == [
        ("connections_limited", 1)
    ]
    assert caplog.records == []
    limits.handle_loop_error(loop, {"message": "a defect", "exception": KeyError("x")})
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@pytest.mark.parametrize(("files", "most"), [(1024, 500), (256, 128), (65_536, 500), (-1, 500)])
def test_connections_leave_files_for_everything_else(files: int, most: int) -> None:
    assert max_connections(files) == most


def test_networks_of_ipv6_count_together() -> None:
    assert network_of(("10.0.0.1", 5)) == network_of(("::ffff:10.0.0.1", 5, 0, 0))
    assert network_of(("10.0.0.1", 5)) != network_of(("10.0.0.2", 5))
    assert network_of(("2001:db8::1", 5, 0, 0)) == network_of(("2001:db8::ffff", 5, 0, 0))
    assert network_of(("2001:db8::1", 5, 0, 0)) != network_of(("2001:db8:0:1::1", 5, 0, 0))
    assert network_of("") == ""
