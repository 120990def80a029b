"""No secret and no control character gets into a log."""

import json
import logging
from collections.abc import Iterator

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
