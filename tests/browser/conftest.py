"""Browser tests run where Node and Chromium are; a build server must have both."""

import os

import pytest

from tests.browser.page import missing


@pytest.fixture(autouse=True)
def _needs_a_browser() -> None:
    lacking = missing()
    if lacking is not None and os.environ.get("CI"):
        pytest.fail(f"The bot was not tried in a browser: {lacking}.")
    if lacking is not None:
        pytest.skip(f"The bot was NOT tried in a browser: {lacking}.")
