"""No secret and no control character gets into a log."""

import base64
import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog

from services.adapters.logs import configure_logging

CANARY = "canary-7f3a91c2d4"


@pytest.fixture
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def _broken(text: str) -> None:
    raise ValueError(text)


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("style", ["console", "json"])
def test_secrets_are_masked_wherever_they_stand(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", style, [CANARY])  # type: ignore[arg-type]
    log = structlog.get_logger()
    log.info("event", text=f"key={CANARY}", nested={"a": [CANARY]}, api_key="whatever-it-is")
    log.info("request", url="mongodb://user:hidden-pw@host/db", header="Bearer abc.def.ghi")
    logging.getLogger("library").warning("failed with %s", CANARY)
    try:
        int(CANARY)
    except ValueError:
        log.exception("broken")

    out = capsys.readouterr().err
    assert "event" in out
    assert "failed with" in out
    for secret in (CANARY, "whatever-it-is", "hidden-pw", "abc.def.ghi"):
        assert secret not in out


@pytest.mark.usefixtures("_restored")
def test_a_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json", [])
    structlog.get_logger().info("event", name="a\nfake line\x1b[31m\u2028x")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "event"
    assert "\\u001b" not in line


AWKWARD = "p@ss/w'ö\"rd\\1"
KEY = f"cst_abcd1234_{'Ab-_' * 10}xyz"


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("style", ["console", "json"])
@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"the key {KEY} is wrong", "Ab-_Ab"),
        (f"GET /x?key={KEY}", "Ab-_Ab"),
        (f"refused {AWKWARD!r}", AWKWARD[5:]),
        (f"refused {json.dumps({'x': AWKWARD})}", "rd"),
        (f"https://host/?p={quote(AWKWARD, safe='')}", "w%27"),
        (f"AUTH {base64.b64encode(AWKWARD.encode()).decode()}", "cEBzcy93"),
        ("POST grant_type=x&client_secret=s3cr3t-value&scope=y", "s3cr3t"),
        ('{"password": "un\\"known-one", "a": 1}', "known-one"),
        ("{'access_token': 'opaque-one'}", "opaque-one"),
        ("https://store/?sig=abc%2Fdef&x=1", "abc%2F"),
    ],
)
def test_secrets_are_masked_in_every_form(
    style: str, text: str, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", style, [AWKWARD])  # type: ignore[arg-type]
    try:
        _broken(text)
    except ValueError:
        structlog.get_logger().exception("event", text=text)
    logging.getLogger("library").warning(text)
    out = capsys.readouterr().err
    assert out.count("***") >= 3
    assert secret not in out


@pytest.mark.usefixtures("_restored")
@pytest.mark.parametrize("style", ["console", "json"])
def test_text_from_outside_cannot_write_lines_of_its_own(
    style: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", style, [])  # type: ignore[arg-type]
    fake = "x\n2026-11-24T09:00:00Z [info     ] fake\r\u2028\u202e\x1b[2J"
    try:
        _broken(fake)
    except ValueError:
        structlog.get_logger().exception("event", name=fake)
    out = capsys.readouterr().err
    assert not any(line.startswith("2026-11-24") for line in out.splitlines())
    for character in "\r\u2028\u202e\x1b":
        assert character not in out


@pytest.mark.usefixtures("_restored")
def test_words_about_secrets_stay_readable(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json", [])
    words = (
        "MicrosoftAppPassword is missing; Basic authentication is not supported. Set a password."
    )
    structlog.get_logger().info("event", text=words)
    assert json.loads(capsys.readouterr().err)["text"] == words
