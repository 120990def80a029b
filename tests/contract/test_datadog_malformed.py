"""What a broken gateway may answer instead of Datadog: one sentence, nothing stored, no more read
than the limit.
"""

import asyncio
import gzip
import json
import re
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from aiohttp import web

from services.adapters.datadog import DatadogSource
from services.adapters.datadog.bodies import MAX_ERROR_BYTES
from services.costs.reader import CostReader
from services.domain import DaySpan
from services.domain.errors import CostSourceError
from services.settings import DatadogSettings
from tests.fakes.store import MemoryStore
from tests.servers.datadog import API_KEY, APP_KEY

SPAN = DaySpan(date(2026, 10, 30), date(2026, 11, 3))
FIRST = 1793318400000
DAY = 86_400_000
ACCOUNT = "0" * 12
METRIC = "aws.cost.amortized"
CURE = "DATADOG_API_URL"
LIBRARY_WORDS = re.compile(
    r"msgspec|json|expected|float|array|object|codec|decode|zlib|httpx|Error|\$|__|\['|error -\d"
)

pytestmark = pytest.mark.usefixtures("_quick_retries")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(*, raw: str = "", **attributes: Any) -> bytes:
    """An answer with one series; ``raw`` replaces the text ``"RAW"``, for what JSON cannot say."""
    usual = {
        "series": [{"group_tags": [f"aws_member_account_id:{ACCOUNT}"], "unit": None}],
        "times": [FIRST],
        "values": [[1.0]],
    }
    text = json.dumps({"data": {"attributes": {**usual, **attributes}}})
    return text.replace('"RAW"', raw).encode("latin-1")


def tagged(text: str) -> bytes:
    return answer(series=[{"group_tags": [f"aws_product:{text}"], "unit": None}])


def with_unit(**unit: Any) -> bytes:
    return answer(series=[{"group_tags": [], "unit": [unit, None]}])


DEEP = "[" * 100_000 + "]" * 100_000
MALFORMED = {
    "row of strings": answer(values=[["1.0"]]),
    "row of lists": answer(values=[[[1.0]]]),
    "row of objects": answer(values=[[{}]]),
    "row of truth values": answer(values=[[True]]),
    "row that is a number": answer(values=[1.0]),
    "values that are text": answer(values="1.0"),
    "values that are an object": answer(values={}),
    "NaN": answer(values=[["RAW"]], raw="NaN"),
    "number beyond floats": answer(values=[["RAW"]], raw="1e999"),
    "amount that is no money": answer(values=[[1e300]]),
    "two amounts whose sum is not a number": answer(times=[FIRST, FIRST], values=[[1e308, 1e308]]),
    "scale that is not a number": with_unit(family="currency", name="dollar", scale_factor=1e300),
    "year 10000": answer(times=[253402300800000]),
    "stamp of many digits": answer(times=["RAW"], raw="9" * 400),
    "stamp beyond floats": answer(times=[1e300]),
    "negative stamp": answer(times=[-DAY]),
    "stamp in seconds": answer(times=[FIRST // 1000]),
    "stamp with a fraction": answer(times=[FIRST + 0.5]),
    "stamp as text": answer(times=[str(FIRST)]),
    "tag that is not UTF-8": tagged("RAW").replace(b"RAW", b"\xff\xfe"),
    "tag of half a character": tagged("RAW").replace(b"RAW", rb"\ud800"),
    "tag of a megabyte": tagged("x" * 900_000),
    "tag with NUL": tagged("Amazon\0EC2"),
    "tag with an escape": tagged("Amazon\x1b[31mEC2"),
    "tag with a line break": tagged("Amazon\nEC2"),
    "tags that are a number": answer(series=[{"group_tags": 1, "unit": None}]),
    "fewer rows than series": answer(values=[]),
    "more rows than series": answer(values=[[1.0], [1.0]]),
    "fewer amounts than days": answer(times=[FIRST, FIRST + DAY]),
    "more amounts than days": answer(times=[]),
    "unit of a megabyte": with_unit(family="currency", name="x" * 900_000),
    "unit with a line break": with_unit(family="currency", name="dol\nlar"),
    "deep": DEEP.encode(),
    "deep inside": answer(values="RAW", raw=DEEP),
    "deep errors": answer()[:-1] + b', "errors": ' + DEEP.encode() + b"}",
    "a list": b"[]",
    "text": b'"data"',
    "empty": b"",
    "another encoding": answer().decode().encode("utf-16"),
    "cut in the middle of a character": answer()[:40] + b"\xc3",
}


@dataclass
class Gateway:
    """Answers every request alike."""

    handler: Handler
    calls: int = 0
    written: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> DatadogSettings:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return DatadogSettings(
            api_url=f"http://{host}:{port}",
            api_key=API_KEY,
            app_key=APP_KEY,
            cost_metric=METRIC,
            max_response_mb=1,
        )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        self.headers = dict(request.headers)
        return await self.handler(request)

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


def always(body: bytes, status: int = 200, encoding: str = "") -> Handler:
    async def handle(request: web.Request) -> web.Response:
        headers = {"Content-Encoding": encoding} if encoding else {}
        return web.Response(body=body, status=status, headers=headers)

    return handle


async def refusal(handler: Handler, max_wait_seconds: float = 600.0) -> CostSourceError:
    """The error of a reading; nothing may be stored."""
    async with Gateway(handler) as settings:
        source, store = DatadogSource(settings, max_wait_seconds=max_wait_seconds), MemoryStore()
        try:
            with pytest.raises(CostSourceError) as caught:
                now = datetime(2026, 11, 6, tzinfo=UTC)
                await CostReader(source, store.costs).read_accounts(now, [ACCOUNT], SPAN)
            with pytest.raises(CostSourceError):
                await source.by_service(METRIC, SPAN, [ACCOUNT])
            assert await source.account_names(METRIC, SPAN, [ACCOUNT]) == {}
        finally:
            await source.aclose()
        assert await store.costs.months("datadog", [ACCOUNT]) == []
        text = str(caught.value)
        assert text.isprintable()
        assert len(text) < 400
        assert not LIBRARY_WORDS.search(text.replace("that is not JSON", "")), text
        return caught.value


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_answer_gives_one_sentence_with_the_cure(body: bytes) -> None:
    error = await refusal(always(body))
    assert CURE in str(error) or "malformed" in str(error)
    assert not error.permanent


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize(
    "body",
    [
        DEEP.encode(),
        b'{"errors": ' + DEEP.encode() + b"}",
        b'{"errors": ["\xff"]}',
        json.dumps({"errors": ["\x1b[31m\0" * 9] * 9_000}).encode(),
        json.dumps({"errors": ["x" * 10_000] * 3}).encode(),
        b"x" * 5_000_000,
    ],
    ids=["deep", "deep errors", "not UTF-8", "many", "long", "very long"],
)
async def test_a_malformed_refusal_is_recognized_by_its_status(status: int, body: bytes) -> None:
    async with Gateway(always(body, status)) as settings:
        source = DatadogSource(settings)
        with pytest.raises(CostSourceError, match=str(status)) as caught:
            await source.total(METRIC, SPAN)
        await source.aclose()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"x" * 3_000_000, ""),
        (answer(raw=" " * 3_000_000, times=["RAW"]), ""),
        (gzip.compress(bytes(50_000_000)), "gzip"),
        (zlib.compress(bytes(50_000_000)), "deflate"),
    ],
    ids=["text", "json", "gzip", "deflate"],
)
async def test_an_answer_beyond_the_limit_is_refused(body: bytes, encoding: str) -> None:
    error = await refusal(always(body, encoding=encoding))
    assert "larger than 1 MB" in str(error)
    assert "DATADOG_MAX_RESPONSE_MB" in str(error)
    assert not error.permanent


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(gzip.compress(answer())), "gzip, gzip"),
        (answer(), "br"),
        (answer(), "x" * 900),
    ],
    ids=["no gzip", "twice", "another", "long"],
)
async def test_an_answer_that_cannot_be_unpacked_says_so(body: bytes, encoding: str) -> None:
    error = await refusal(always(body, encoding=encoding))
    assert "cannot be unpacked" in str(error)
    assert CURE in str(error)


@pytest.mark.parametrize("status", [200, 502])
async def test_an_answer_without_an_end_is_left(status: int) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while True:
            await response.write(bytes(MAX_ERROR_BYTES))
            sent += MAX_ERROR_BYTES

    async with Gateway(endless) as settings:
        source = DatadogSource(settings)
        with pytest.raises(CostSourceError, match=r"larger than 1 MB|502"):
            await source.total(METRIC, SPAN)
        await source.aclose()
    assert sent < 200_000_000  # what the buffers on the way take, of up to ten tries


async def test_an_answer_that_trickles_has_an_end_too() -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    error = await refusal(trickle, max_wait_seconds=0.2)
    assert "did not end" in str(error)


async def test_only_encodings_that_can_be_unpacked_within_limits_are_requested() -> None:
    gateway = Gateway(always(answer()))
    async with gateway as settings:
        source = DatadogSource(settings)
        assert (await source.total(METRIC, SPAN)).series
        await source.aclose()
    assert gateway.headers["Accept-Encoding"] == "gzip"
