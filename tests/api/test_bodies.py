"""Bodies, parameters and paths that are wrong in every way: refused with a reason, never a 500."""

import asyncio
import io
import json
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from api.requests.body import MalformedBodyError, read_body, reject_duplicates
from tests.api.conftest import ACCOUNTS, World

JSON = {"Content-Type": "application/json"}


def team(**more: Any) -> dict[str, Any]:
    return {
        "team_name": "Team",
        "aws_account_id": ACCOUNTS[0],
        "team_email": "team@example.org",
        **more,
    }


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"", 400, "Expecting value"),
        (b"{", 400, "line 1, column 2"),
        (b"[1]", 422, ""),
        (b"null", 422, ""),
        (b'"text"', 422, ""),
        (b'{"anomaly_threshold": NaN}', 400, "NaN"),
        (b'{"anomaly_threshold": -Infinity}', 400, "Infinity"),
        (b'{"anomaly_threshold": 1e999}', 422, "finite"),
        (b'{"anomaly_threshold": ' + b"9" * 400 + b"}", 422, "finite"),
        (b'{"anomaly_threshold": ' + b"9" * 5000 + b"}", 400, "number"),
        (b'{"schedule_hour": ' + b"9" * 400 + b"}", 422, "hour"),
        (b'{"anomaly_threshold": 20, "anomaly_threshold": 99}', 400, "is repeated"),
        (b'{"x": {"a": 1, "a": 2}}', 400, "is repeated"),
        (b"[" * 100_000, 400, "deep"),
        (b'{"a":' * 50_000, 400, "deep"),
        (b'{"schedule_day": "\xff"}', 400, "UTF-8"),
        ('{"schedule_day": "monday"}'.encode("utf-16"), 400, "UTF-8"),
        (b'{"smtp_user": "\\ud800"}', 422, "smtp_user"),
        (b'{"\\ud800": 1}', 422, "body"),
        (b'{"anomaly_threshold": "20"}', 422, "number"),
        (b'{"anomaly_threshold": true}', 422, "number"),
        (b'{"schedule_hour": 9.5}', 422, "hour"),
        (b'{"schedule_timezone": "../../etc/passwd"}', 422, "time zone"),
        (b'{"schedule_timezone": "Europe"}', 422, "time zone"),
        (b'{"smtp_port": 0}', 422, "port"),
        (b'{"smtp_host": "mail.example.org\\r\\nX: y"}', 422, "smtp_host"),
        (b'{"smtp_host": "mail example"}', 422, "host name"),
        (b'{"global_admin_emails": "a@example.org"}', 422, "list"),
        (b'{"min_increase": -1}', 422, "negative"),
        (b'{"min_increase": 1e300}', 422, "at most"),
    ],
    ids=str,
)
async def test_a_body_that_is_wrong_changes_nothing(
    world: World, body: bytes, status: int, word: str
) -> None:
    before = await world.get("/api/config")
    answer = await world.send("PUT", "/api/config", status, data=body, headers=JSON)
    assert answer["status"] == status
    assert word in json.dumps(answer)
    assert await world.get("/api/config") == before


async def test_a_byte_order_mark_is_accepted(world: World) -> None:
    body = b'\xef\xbb\xbf{"anomaly_threshold": 21}'
    await world.send("PUT", "/api/config", 200, data=body, headers=JSON)
    body = b'{"anomaly_threshold": 22}'
    for kind in ("application/json; charset=utf-8", 'application/json; charset="UTF-8"'):
        await world.send("PUT", "/api/config", 200, data=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/csv"),
        *("application/json; charset=latin-1", "application/octet-stream", "application/xml"),
    ],
)
async def test_another_media_type_is_415(world: World, kind: str) -> None:
    answer = await world.send(
        "PUT", "/api/config", 415, data=b"{}", headers={"Content-Type": kind}
    )
    assert "application/json" in answer["detail"]
    assert answer["title"] == "Unsupported Media Type"


async def test_a_body_that_is_too_large_is_413(world: World) -> None:
    large = json.dumps(team(team_name="x" * 300_000)).encode()
    answer = await world.send("POST", "/api/teams", 413, data=large, headers=JSON)
    assert answer["title"] == "Request Entity Too Large"

    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 20_000

    await world.send("POST", "/api/teams", 413, data=chunks(), headers=JSON)
    bulk = json.dumps([team(team_name="x" * 300_000)]).encode()
    answer = await world.send("POST", "/api/teams/bulk", 200, data=bulk, headers=JSON)
    assert "300,000" in answer["failed"][0]["reason"] or "300000" in answer["failed"][0]["reason"]
    await world.send(
        "POST", "/api/teams/bulk", 413, data=io.BytesIO(b" " * 6_100_000), headers=JSON
    )


class Transport:
    """A connection that may be closing."""

    def __init__(self, *, closing: bool) -> None:
        self._closing = closing

    def is_closing(self) -> bool:
        return self._closing

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default


@pytest.mark.parametrize(("closing", "error"), [(True, MalformedBodyError), (False, RuntimeError)])
async def test_a_lost_connection_is_not_logged_as_our_bug(
    closing: bool, error: type[Exception]
) -> None:
    loop = asyncio.get_running_loop()
    # A protocol without a transport: the connection is lost before anything waits for its body.
    body = StreamReader(BaseProtocol(loop), 2**16, loop=loop)
    request = make_mocked_request("PUT", "/", payload=body, transport=Transport(closing=closing))
    with pytest.raises(error):
        await read_body(request, 100)


def test_names_are_counted_once_however_many_there_are() -> None:
    """Counting each name anew took seconds for 100 KB."""
    counted = 0

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal counted
            counted += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    pairs = [(Name(f"n{i}"), i) for i in range(3000)]
    with pytest.raises(ValueError, match="'last' is repeated"):
        reject_duplicates([*pairs, (Name("last"), 0), (Name("last"), 1)])
    assert counted < 10_000


async def test_a_body_that_nobody_reads_is_not_taken_as_obeyed(world: World) -> None:
    await world.add_teams(1)
    answer = await world.send(
        "POST", "/api/trigger/weekly-report", 422, json={"again": True, "period": "2026-W40"}
    )
    assert answer["errors"] == [{"field": "body", "reason": "must be empty"}]
    assert await world.get("/api/runs") == []
    await world.send("POST", "/api/trigger/weekly-report", 202, json={})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("team_name", ""),
        ("team_name", "   "),
        ("team_name", " padded"),
        ("team_name", "padded\u00a0"),
        ("team_name", "line\nbreak"),
        ("team_name", "nul\x00"),
        ("team_name", "\u200b\u202e"),
        ("team_name", "x" * 201),
        ("team_name", "x" * 10_000),
        ("team_name", "\ud800"),
        ("team_name", None),
        ("team_name", ["x"]),
        ("aws_account_id", 123456789012),
        ("aws_account_id", "12345678901"),
        ("aws_account_id", "1234567890123"),
        ("aws_account_id", "1234-5678-9012"),
        ("aws_account_id", " 123456789012"),
        ("aws_account_id", "١٢٣٤٥٦٧٨٩٠١٢"),
        ("aws_account_id", "１２３４５６７８９０１２"),
        ("aws_account_id", "1.23457E+11"),
        ("team_email", "a"),
        ("team_email", "a@b"),
        ("team_email", "a@example.org\r\nBcc: b@example.org"),
        ("team_email", "a@example.org, b@example.org"),
        ("team_email", "Ana <a@example.org>"),
        ("team_email", " a@example.org"),
        ("team_email", f"{'a' * 300}@example.org"),
        ("team_email", "=?utf-8?q?a=0d=0aBcc:_b@example.org?=@example.org"),
        ("admin_emails", "a@example.org"),
        ("admin_emails", ["a@example.org", 3]),
        ("admin_emails", [f"a{i}@example.org" for i in range(101)]),
        ("anomaly_threshold", 0),
        ("anomaly_threshold", -1),
        ("anomaly_threshold", 1_000_001),
        ("anomaly_threshold", "20"),
        ("anomaly_threshold", True),
        ("id", "mine"),
        ("$where", "1"),
        ("team_name.x", 1),
    ],
    ids=str,
)
async def test_a_field_that_is_wrong_is_named_and_nothing_is_stored(
    world: World, field: str, value: object
) -> None:
    body = team(**{field: value})
    answer = await world.send("POST", "/api/teams", 422, data=json.dumps(body), headers=JSON)
    assert [one["field"].partition(".")[0] for one in answer["errors"]] == [
        field.partition(".")[0]
    ]
    assert answer["errors"][0]["reason"]
    assert await world.get("/api/teams") == []
    # The same row of a bulk import is refused for the same field.
    rows = [{**body}, team(aws_account_id=ACCOUNTS[1])]
    answer = await world.send(
        "POST", "/api/teams/bulk?dry_run=true", 200, data=json.dumps(rows), headers=JSON
    )
    assert (answer["created"], [one["index"] for one in answer["failed"]]) == (1, [0])


async def test_many_unknown_fields_make_a_short_answer(world: World) -> None:
    body = {f"{'x' * 500}{i}": i for i in range(400)}
    async with world.client.put("/api/config", json=body) as answer:
        assert answer.status == 422
        text = await answer.text()
    assert len(text) < 20_000
    assert len(json.loads(text)["errors"]) == 50


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/teams?limit=0", 422),
        ("/api/teams?limit=1001", 422),
        ("/api/teams?limit=-1", 422),
        ("/api/teams?limit=", 422),
        ("/api/teams?limit=1.0", 422),
        ("/api/teams?limit=+1", 422),
        ("/api/teams?limit=1_0", 422),
        ("/api/teams?limit=%D9%A1", 422),
        (f"/api/teams?limit={'9' * 5000}", 422),
        ("/api/teams?limit=1&limit=2", 422),
        ("/api/teams?limits=1", 422),
        ("/api/teams?$where=1", 422),
        ("/api/config?x=1", 422),
        ("/api/anomalies?status=Open", 422),
        ("/api/anomalies?team_id=unknown", 404),
        ("/api/costs/history?team_id=unknown", 404),
        ("/api/costs/history?from=2026-11-31", 422),
        ("/api/costs/history?from=20261101", 422),
        ("/api/costs/history?to=2026-W48-1", 422),
        ("/api/costs/history?to=2026-11-01T00:00:00Z", 422),
        ("/api/costs/history?to=%D9%A2026-11-01", 422),
        ("/api/costs/history?from=0001-01-01&to=9999-12-31", 200),
        ("/api/runs?kind=monthly", 422),
        ("/api/teams/%00", 404),
        ("/api/teams/%ff%fe", 404),
        ("/api/teams/..%2f..%2fetc%2fpasswd", 404),
        ("/api/teams/%F0%9F%92%A9", 404),
        (f"/api/teams/{'x' * 3000}", 404),
        ("/api/teams/bulk", 405),
        ("/api/runs/a%23b", 404),
        ("/api/preview/team-report/%7B%22$ne%22:1%7D", 404),
        ("/api//teams", 404),
        ("/api/teams/", 404),
        ("/outbox/..%2f..%2fetc%2fpasswd", 404),
    ],
)
async def test_a_path_or_parameter_that_is_wrong_is_a_problem(
    world: World, path: str, status: int
) -> None:
    await world.add_teams(1)
    async with world.client.get(URL(path, encoded=True)) as answer:
        assert answer.status == status, await answer.text()
        if status != 200:
            assert answer.content_type == "application/problem+json"
            assert (await answer.json(content_type=None))["request_id"]


@pytest.mark.parametrize(
    "line",
    [
        b"GET /api/teams/\xff HTTP/1.1",
        b"GET /api/teams?limit=\xff HTTP/1.1",
        b"GET /api/teams/%zz HTTP/1.1",
        b"GET /api/runs/%ed%a0%80 HTTP/1.1",
    ],
)
async def test_bytes_that_are_no_text_are_no_500(world: World, line: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.client.port)
    writer.write(line + b"\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    status = int((await reader.read()).split()[1])
    writer.close()
    assert 400 <= status < 500


async def test_head_and_options_are_answered_as_they_should(world: World) -> None:
    async with world.client.head("/api/teams") as answer:
        assert answer.status == 200
        assert await answer.read() == b""
    async with world.client.options("/api/config") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD,PUT"
        assert "Access-Control-Allow-Origin" not in answer.headers
    async with world.client.request("TRACE", "/api/teams") as answer:
        assert answer.status == 405
    async with world.client.delete("/api/teams/bulk") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST"


async def test_every_answer_keeps_browsers_from_guessing(world: World) -> None:
    for path, status in (("/api/teams", 200), ("/api/nothing", 404), ("/outbox", 200)):
        async with world.client.get(path) as answer:
            assert answer.status == status
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Request-Id"]
            assert "aiohttp" not in answer.headers["Server"]
            assert "X-Sample-Data" not in answer.headers
