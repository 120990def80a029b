"""Malformed HTTP, sent byte by byte: a plain 400, one INFO log entry, never a traceback."""

import asyncio
import gzip
import json
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from structlog.testing import capture_logs

from tests.api.conftest import World, served

HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"
GZIP = b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n"
MALFORMED = {
    "garbage": b"\x00\x01\x02garbage\r\n\r\n",
    "garbage without an end": b"hello",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32)) + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no Host": b"GET /api/teams HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /api/teams HTTP/1.1\r\n" + HOST + HOST + END,
    "two kinds of length": b"POST /api/teams HTTP/1.1\r\n"
    + HOST
    + CHUNKED
    + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /api/teams HTTP/1.1\r\n"
    + HOST
    + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a negative length": b"POST /api/teams HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",
    "an unknown transfer": b"POST /api/teams HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "no chunk": b"POST /api/teams HTTP/1.1\r\n" + HOST + JSON + CHUNKED + b"\r\nzz\r\nhi\r\n",
    "a version of the future": b"GET /api/teams HTTP/9.9\r\n" + HOST + END,
    "NUL in a header": b"GET /api/teams HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "a space before the colon": b"GET /api/teams HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
    "a folded header": b"GET /api/teams HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "a control character in the path": b"GET /api/te\x01ams HTTP/1.1\r\n" + HOST + END,
    "an address that is none": b"GET http://[::1/api HTTP/1.1\r\n" + HOST + END,
    "a method that is none": b"G@T /api/teams HTTP/1.1\r\n" + HOST + END,
    "lines that end otherwise": b"GET /api/teams HTTP/1.1\rHost: 127.0.0.1\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 5000 + END,
}
TOO_LONG = {
    "a long request line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + END,
    "a long header": b"GET /api/teams HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + END + END,
}
BOMB = gzip.compress(b" " * 200_000_000, 9)
"""200 KB; unpacking it takes half a second."""
COMPRESSED = {
    "no gzip": b"POST /api/teams HTTP/1.1\r\n" + HOST + JSON + GZIP,
    "no gzip where nobody reads": b"POST /nowhere HTTP/1.1\r\n" + HOST + GZIP,
    "no gzip for reading": b"GET /api/teams HTTP/1.1\r\n" + HOST + GZIP,
    "no gzip for Teams": b"POST /api/messages HTTP/1.1\r\n" + HOST + JSON + GZIP,
    "a bomb": b"POST /api/messages HTTP/1.1\r\n"
    + HOST
    + JSON
    + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
    + BOMB,
    "deflate": b"POST /api/teams HTTP/1.1\r\n"
    + HOST
    + JSON
    + GZIP.replace(b"gzip\r", b"deflate\r"),
    "twice": b"POST /api/teams HTTP/1.1\r\n"
    + HOST
    + JSON
    + b"Content-Encoding: identity\r\n"
    + GZIP,
    "a body that never comes": b"POST /api/messages HTTP/1.1\r\n"
    + HOST
    + b"Content-Encoding: br\r\nContent-Length: 200000\r\n\r\n",
}


async def sent(world: World, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, body) of the answer; the server must close the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(data)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode("ascii").split("\r\n")
    headers = dict(one.split(": ", 1) for one in lines)
    return int(line.split()[1]), headers, body


async def head_and_problem(world: World, data: bytes) -> tuple[int, dict[str, str], bytes]:
    """The same of an answer that may come while the server waits for the rest of a body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(data)
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        line, *lines = head.decode("ascii").strip().split("\r\n")
        headers = dict(one.split(": ", 1) for one in lines)
        body = await reader.readexactly(int(headers["Content-Length"]))
    writer.close()
    return int(line.split()[1]), headers, body


def errors_of_libraries(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING or record.exc_info
    ]


@pytest.mark.parametrize("locked", [False, True], ids=["local mode", "with keys"])
async def test_malformed_http_is_a_plain_400_and_one_log_entry(
    world: World, caplog: pytest.LogCaptureFixture, *, locked: bool
) -> None:
    if locked:
        await world.key()
    for name, data in {**MALFORMED, **TOO_LONG}.items():
        with capture_logs() as lines:
            status, headers, body = await sent(world, data)
        assert status == 400, name
        assert headers["Content-Type"].startswith("text/plain"), name
        assert b"Traceback" not in body, name
        assert b'File "' not in body, name
        (line,) = lines
        assert line.keys() == {"event", "log_level", "peer", "reason"}, name
        assert line["event"] == "http_malformed", name
        assert line["log_level"] == "info", name
        assert line["peer"] == "127.0.0.1", name
        # The class of the error: nothing that the sender chose.
        assert line["reason"].isidentifier(), name
    assert errors_of_libraries(caplog) == []
    assert await world.send("GET", "/api/health", 200)


@pytest.mark.parametrize("locked", [False, True], ids=["local mode", "with keys"])
async def test_a_compressed_body_is_refused_before_it_is_read(
    world: World, caplog: pytest.LogCaptureFixture, *, locked: bool
) -> None:
    if locked:
        await world.key()
    for name, data in COMPRESSED.items():
        with capture_logs() as lines:
            status, headers, body = await head_and_problem(world, data)
        assert status == 415, name
        assert headers["Content-Type"].startswith("application/problem+json"), name
        assert headers["Accept-Encoding"] == "identity", name
        assert "Content-Encoding" in json.loads(body)["detail"], name
        assert {line["event"] for line in lines} == {"rest_request"}, name
        assert {line["log_level"] for line in lines} <= {"debug", "info"}, name
    assert errors_of_libraries(caplog) == []


async def test_no_body_is_unpacked(world: World) -> None:
    """Not even one that a handler would read: aiohttp would do it while the body arrives."""
    seen: list[bytes] = []

    async def keep(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", keep)
    async with TestClient(await served(app)) as client:
        headers = {"Content-Encoding": "gzip"}
        await client.post("/", data=gzip.compress(b"{}"), headers=headers)
    assert seen[0].startswith(b"\x1f\x8b")


async def test_an_unknown_expectation_is_refused(world: World) -> None:
    data = b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Connection: close\r\nExpect: x\r\n\r\n"
    status, _, body = await sent(world, data)
    assert status == 417
    assert b"Traceback" not in body


async def test_local_mode_does_not_proxy_to_another_address(world: World) -> None:
    def asked(address: bytes) -> bytes:
        return b"GET " + address + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"

    assert (await sent(world, asked(b"http://evil.example.com/api/health")))[0] == 403
    assert (await sent(world, asked(b"http://127.0.0.1/api/health")))[0] == 200
    assert (await sent(world, asked(b"http://[::1]:8001/api/health")))[0] == 200


async def test_what_the_bots_endpoint_refuses_is_a_problem_too(world: World) -> None:
    for data, words in (
        (b"{", "The body is not valid JSON."),
        (b"{}", "The body is not an activity."),
    ):
        answer = await world.send("POST", "/api/messages", 400, data=data)
        assert answer["detail"] == words
        assert answer["request_id"]


async def test_a_defect_outside_the_middlewares_reveals_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("a secret")

    app = web.Application()
    app.router.add_get("/", broken)
    async with TestClient(await served(app)) as client, client.get("/") as answer:
        assert answer.status == 500
        text = await answer.text()
    assert "secret" not in text
    assert "Traceback" not in text
    # A defect of ours, unlike malformed HTTP, keeps its traceback.
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError
