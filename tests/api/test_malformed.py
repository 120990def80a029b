"""What is no HTTP, sent byte by byte: answered in our words, never a traceback in the log."""

import asyncio
import gzip
import json
import logging
import os

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from structlog.testing import capture_logs

from api.server import MALFORMED, TOO_LONG
from tests.api.conftest import Served, World

HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"
GZIP = b"Content-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"\r\n"
NO_HTTP = {
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
TOO_LARGE = {
    "a long request line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + END,
    "a long header": b"GET /api/teams HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 20_000 + END + END,
}
UNREADABLE = {
    "no gzip": b"POST /api/teams HTTP/1.1\r\n" + HOST + JSON + GZIP,
    "no gzip where nobody reads": b"POST /nowhere HTTP/1.1\r\n" + HOST + GZIP,
    "no gzip for reading": b"GET /api/teams HTTP/1.1\r\n" + HOST + GZIP,
    "no gzip for Teams": b"POST /api/messages HTTP/1.1\r\n" + HOST + JSON + GZIP,
    "a broken end": b"POST /nowhere HTTP/1.1\r\n"
    + HOST
    + b"Content-Encoding: gzip\r\nContent-Length: 27\r\n\r\n"
    + gzip.compress(b"{}" * 99)[:20]
    + os.urandom(7),
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


def errors_of_libraries(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING or record.exc_info
    ]


@pytest.mark.parametrize("locked", [False, True], ids=["local mode", "with keys"])
async def test_what_is_no_http_is_a_problem_and_one_calm_line(
    world: World, caplog: pytest.LogCaptureFixture, *, locked: bool
) -> None:
    if locked:
        await world.key()
    for name, data in {**NO_HTTP, **TOO_LARGE}.items():
        with capture_logs() as lines:
            status, headers, body = await sent(world, data)
        answer = json.loads(body)
        assert status == answer["status"] == 400, name
        assert headers["Content-Type"].startswith("application/problem+json"), name
        assert headers["X-Request-Id"] == answer["request_id"], name
        assert headers["Server"] == "aws-cost-agent", name
        assert answer["detail"] == (TOO_LONG if name in TOO_LARGE else MALFORMED), name
        (line,) = lines
        assert line["event"] == "http_malformed", name
        assert line["log_level"] == "info", name
        assert line["request_id"] == answer["request_id"], name
        assert line["peer"] == "127.0.0.1", name
    assert errors_of_libraries(caplog) == []


@pytest.mark.parametrize("locked", [False, True], ids=["local mode", "with keys"])
async def test_a_body_that_cannot_be_unpacked_is_the_senders_fault(
    world: World, caplog: pytest.LogCaptureFixture, *, locked: bool
) -> None:
    if locked:
        await world.key()
    for name, data in UNREADABLE.items():
        with capture_logs() as lines:
            status, headers, body = await sent(world, data)
        assert status in {400, 401, 404}, name
        assert headers["Content-Type"].startswith("application/problem+json"), name
        assert json.loads(body)["request_id"] == headers["X-Request-Id"], name
        assert {line["log_level"] for line in lines} <= {"debug", "info"}, name
        assert "http_malformed" in {line["event"] for line in lines}, name
    assert errors_of_libraries(caplog) == []


async def test_an_expectation_that_nobody_knows_is_a_problem(world: World) -> None:
    data = b"POST /api/teams HTTP/1.1\r\n" + HOST + b"Connection: close\r\nExpect: x\r\n\r\n"
    status, headers, body = await sent(world, data)
    assert status == 400
    assert headers["Content-Type"].startswith("application/problem+json")
    assert "100-continue" in json.loads(body)["detail"]


async def test_local_mode_is_no_proxy_to_another_address(world: World) -> None:
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


async def test_a_defect_outside_of_the_routes_tells_nothing_of_itself() -> None:
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("a secret")

    app = web.Application()
    app.router.add_get("/", broken)
    with capture_logs() as lines:
        async with TestClient(Served(app)) as client, client.get("/") as answer:
            assert answer.status == 500
            assert answer.content_type == "application/problem+json"
            found = await answer.json(content_type=None)
    assert "secret" not in str(found)
    assert found["title"] == "Internal error"
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("request_failed", "error")
    assert line["request_id"] == found["request_id"]
    assert line["request_id"] in found["detail"]
