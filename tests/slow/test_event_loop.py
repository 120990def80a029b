"""The worst megabyte for every endpoint, button and command: nobody else waits for it.

What holds up the loop is measured in CPU time of the whole process, so that a thread counts that
does not let go of the interpreter's lock. What causes hold-ups is tested in `make test`.
"""

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api.endpoints import RestEndpoint
from api.routes import ENDPOINTS
from bot.actions import BUTTONS
from services.adapters.logs import Masking
from tests.api.conftest import MovingClock, opened
from tests.bench.lag import Lag
from tests.bot.agent import NO_PACE, World, world
from tests.makers import NOW
from tests.servers.smtp import FakeSmtp
from tests.servers.teams import ANA, Message

MAX_SECONDS = 0.1
MEGABYTE = 1_000_000
CARD_BYTES = 240_000
"""Just below what the bot's endpoint accepts."""
FIELD_CHARACTERS = 20_000
"""As long as a field of a card may be."""
ROW = '{"team_name":"T%d","aws_account_id":"%012d","team_email":"t%d@example.org"}'
ADDRESSES = json.dumps([f"{'a' * 60}{i}@{'b' * 60}.{'c' * 60}.example.org" for i in range(100)])


def filled(pattern: str, size: int, first: str = "[", last: str = "]") -> bytes:
    """As many copies of an element as fit, each with its number."""
    numbers = pattern.count("%")
    elements: list[str] = []
    room = size - len(first) - len(last)
    while room > 0:
        elements.append(pattern % ((len(elements),) * numbers) if numbers else pattern)
        room -= len(elements[-1]) + 1
    return (first + ",".join(elements[:-1]) + last).encode()


def bodies(size: int) -> dict[str, bytes]:
    """JSON that is slow for one reason or another."""
    long_names = ",".join(f'"{"n" * 80}{i}":1' for i in range(size // 90))
    rows = filled(ROW, size)
    return {
        "repeated names": filled('"n%d":0', size, "{", ',"z":0,"z":1}'),
        "one name": filled('"n":0', size, "{", "}"),
        "unknown names": filled('"n%d":0', size, "{", "}"),
        "long names": f"{{{long_names}}}".encode(),
        "repeated names inside": filled('{"a":1,"a":2}', size),
        "empty objects": filled("{}", size),
        "numbers": filled("1", size),
        "long numbers": filled("9" * 4000, size),
        "fractions": filled("0." + "1" * 4000, size),
        "nested": b"[" * size,
        "nested objects": b'{"a":' * (size // 5),
        "surrogates": b'{"team_name":"' + b"\\ud800" * (size // 6) + b'"}',
        "one string": b'{"team_email":"' + b"a" * size + b'"}',
        "rows": rows,
        "rows with addresses": filled(
            ROW.removesuffix("}") + ',"admin_emails":' + ADDRESSES + "}", size
        ),
        "bad rows": filled('{"team_name":"","aws_account_id":"x","team_email":"@","z":1}', size),
    }


FIELD_VALUES = {
    "address": "a@" + "b." * 500_000,
    "domain": "a@" + "ü" * 300_000,
    "domains": "a@" + "ü." * 200_000,
    "at signs": "@" * MEGABYTE,
    "digits": "1" * MEGABYTE,
    "number": "1." + "1" * MEGABYTE + "e5",
    "spaces": " " * MEGABYTE + "x",
    "dots": "a." * 500_000,
    "letters": "\u0130" * 300_000,
}
CSV_FILES = {
    "columns": b",".join(b"c%d" % i for i in range(150_000)),
    "empty columns": b"team_name,aws_account_id,team_email" + b"," * MEGABYTE,
    "quotes": b'team_name,aws_account_id,team_email\n"' + b'""' * 500_000,
    "lines": b"team_name,aws_account_id,team_email\n" + b"\n" * MEGABYTE,
    "rows": b"team_name,aws_account_id,team_email\n"
    + b"".join(b"T%d,%012d,t%d@example.org\n" % (i, i, i) for i in range(19_000)),
    "addresses": b"team_name,aws_account_id,team_email,admin_emails\n"
    + b"".join(
        b"T%d,%012d,t@example.org,%b\n"
        % (i, i, b";".join(b"a%d@%b.example.org" % (n, b"d" * 60) for n in range(100)))
        for i in range(120)
    ),
    "separator": b"sep=" + b" " * MEGABYTE,
}


class Measured:
    """The longest hold-up of each input."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    async def note(self, name: str, work: Any) -> None:
        gc.collect()
        async with Lag(time.process_time) as lag:
            await work
        self.seconds[name] = lag.longest

    def check(self) -> None:
        worst = sorted(self.seconds.items(), key=lambda item: -item[1])
        for name, seconds in worst[:15]:
            print(f"{1000 * seconds:7.1f} ms  {name}")
        assert self.seconds
        assert {name: seconds for name, seconds in worst if seconds >= MAX_SECONDS} == {}


# REST


async def sent(port: int, head: str, body: bytes) -> int:
    """The status. Written raw: a client of this process would be measured too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.encode())
    status = 0
    try:
        for start in range(0, len(body), 65_536):
            writer.write(body[start : start + 65_536])
            await writer.drain()
        status = int((await reader.readline()).split()[1])
        while await reader.read(65_536):
            pass
    except ConnectionError:
        pass  # refused before all of the body was sent
    finally:
        writer.close()
    return status


def requests_of(endpoint: RestEndpoint) -> Iterator[tuple[str, str, bytes]]:
    """(name, media type, body) of everything that is tried with an endpoint."""
    limit = endpoint.accepts.max_body_bytes
    for size in sorted({min(limit, MEGABYTE) - 100, MEGABYTE}):
        for name, body in bodies(size).items():
            yield f"{name} {size}", "application/json", body
    fields = getattr(endpoint.accepts.body, "model_fields", {})
    for field in fields:
        for name, value in FIELD_VALUES.items():
            for short in (value[: limit // 4], [value[:2000]] * 100):
                body = json.dumps({field: short}, ensure_ascii=False).encode()
                yield f"{field} {name} {type(short).__name__}", "application/json", body
    if endpoint.accepts.csv_schema is not None:
        for name, body in CSV_FILES.items():
            yield f"csv {name}", "text/csv", body


@pytest.mark.parametrize(
    "endpoint",
    [one for one in ENDPOINTS if one.method != "get"],
    ids=lambda one: f"{one.method} {one.path}",
)
async def test_no_body_holds_up_the_others(
    endpoint: RestEndpoint, mongo_url: str, database: str, tmp_path: Path
) -> None:
    measured = Measured()
    async with FakeSmtp() as smtp:
        environment = {
            "MONGO_URL": mongo_url,
            "DB_NAME": database,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": "k" * 32,
            "LOG_LEVEL": "ERROR",
            **smtp.environment(),
        }
        async with opened(environment, MovingClock(NOW)) as (_, client):
            assert client.port is not None
            gc.collect()
            gc.freeze()  # as the agent does at its start
            path = endpoint.path.replace("{id}", "nothing")
            if endpoint.path.endswith("/bulk"):
                path += "?dry_run=true"
            for name, media_type, body in requests_of(endpoint):
                head = (
                    f"{endpoint.method.upper()} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                    f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
                    "Connection: close\r\n\r\n"
                )
                await measured.note(name, sent(client.port, head, body))
            gc.unfreeze()
    measured.check()


# Teams


CARD_VALUES: Mapping[str, str] = {
    **{name: value[:FIELD_CHARACTERS] for name, value in FIELD_VALUES.items()},
    "commas": "a@b.co," * (FIELD_CHARACTERS // 7),
    "words": "a " * (FIELD_CHARACTERS // 2),
    "json": "[" + "{}," * (FIELD_CHARACTERS // 3 - 2) + "{}]",
    "nested": "[" * FIELD_CHARACTERS,
    "csv": CSV_FILES["rows"][:FIELD_CHARACTERS].decode(),
    "columns": CSV_FILES["columns"][:FIELD_CHARACTERS].decode(),
    "markup": "**a** [x](y) <at>b</at> " * (FIELD_CHARACTERS // 24),
}
TEXTS: Mapping[str, str] = {
    # JSON has six characters for one that is not ASCII.
    **{
        name: value[: CARD_BYTES if value.isascii() else CARD_BYTES // 6]
        for name, value in FIELD_VALUES.items()
    },
    "mentions": "<at>a" * (CARD_BYTES // 5),
    "tags": "<at " * (CARD_BYTES // 4),
    "entities": "&amp" * (CARD_BYTES // 4),
    "breaks": "<br " * (CARD_BYTES // 4),
    "quotes": '"' * CARD_BYTES,
    "words": "a " * (CARD_BYTES // 2),
    "rows": "import teams " + CSV_FILES["rows"][: CARD_BYTES - 100].decode(),
    "columns": "import teams " + CSV_FILES["columns"][: CARD_BYTES - 100].decode(),
    "json": "import teams [" + "{}," * (CARD_BYTES // 3 - 50) + "{}]",
    "add team": 'add team "' + "n" * (CARD_BYTES - 50),
    "recipients": "recipients add " + "a@b.co " * (CARD_BYTES // 7 - 10),
    "typing error": "prewiev " + "team " * (CARD_BYTES // 5 - 10),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def teams(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("stalls"), mongo_url, pace=NO_PACE) as found:
        await found.says("team search")  # costs are read once
        gc.collect()
        gc.freeze()  # as the agent does at its start
        yield found
        gc.unfreeze()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def card(teams: World) -> Message:
    return await teams.says("help", ANA, "channel")


@pytest.mark.asyncio(loop_scope="module")
async def test_no_input_of_a_card_holds_up_the_others(teams: World, card: Message) -> None:
    measured = Measured()
    for verb, button in sorted(BUTTONS.items()):
        fields = [*button.payload.model_fields]
        for name, value in CARD_VALUES.items():
            payload = {"verb": verb, **dict.fromkeys(fields, value)}
            await measured.note(f"{verb} {name}", teams.sim.press_raw(card, payload, ANA))
            await teams.quiet()
        many = {f"n{i}": 0 for i in range(CARD_BYTES // 12)}
        await measured.note(
            f"{verb} unknown", teams.sim.press_raw(card, {"verb": verb, **many}, ANA)
        )
    measured.check()


@pytest.mark.asyncio(loop_scope="module")
async def test_no_text_holds_up_the_others(teams: World) -> None:
    measured = Measured()
    for name, text in TEXTS.items():
        await measured.note(name, teams.sim.post(teams.sim.written(text, ANA, "personal")))
        await teams.quiet()
    bot = teams.sim.written("x", ANA, "channel")["recipient"]
    entities = [
        {"type": "mention", "mentioned": bot, "text": f"<at{i}"} for i in range(CARD_BYTES // 250)
    ]
    activity = teams.sim.written("<at " * (CARD_BYTES // 8), ANA, "channel")
    await measured.note("mentions", teams.sim.post({**activity, "entities": entities}))
    for part in ("attachments", "membersAdded", "entities"):
        activity = teams.sim.written("help", ANA, "personal")
        activity[part] = [{"id": str(i)} for i in range(CARD_BYTES // 16)]
        await measured.note(part, teams.sim.post(activity))
    await teams.quiet()
    measured.check()


# Logs


def test_masking_a_megabyte_takes_no_longer_than_reading_it() -> None:
    masking = Masking(["secret" * 5], keep_lines=True)
    seconds = {}
    for name, value in {
        **FIELD_VALUES,
        "bearer": "bearer " * 140_000,
        "eyJ": "eyJ" * 330_000,
    }.items():
        began = time.process_time()
        masking.mask(value)
        seconds[name] = time.process_time() - began
    assert max(seconds.values()) < 1, seconds
