"""Assert that no test of the chat interface holds up the event loop: ``make bench-hold-ups``.

A plugin of pytest around tests that are in `make test` without it: a thousand teams, and
payloads that were made to be slow.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.bench.lag import Lag

MAX_SECONDS = 0.1
"""CPU time between two turns of the loop; a human notices a tenth of a second."""
LAGS = pytest.StashKey[dict[str, float]]()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _nothing_holds_up_the_loop(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    async with Lag() as lag:
        yield
    request.config.stash.setdefault(LAGS, {})[request.node.nodeid] = lag.longest
    assert lag.longest < MAX_SECONDS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the longest hold-ups."""
    lags = terminalreporter.config.stash.get(LAGS, {})
    terminalreporter.write_line("Longest hold-ups of the event loop, in CPU time:")
    for test, seconds in sorted(lags.items(), key=lambda item: -item[1])[:10]:
        terminalreporter.write_line(f"{1000 * seconds:6.1f} ms  {test}")
