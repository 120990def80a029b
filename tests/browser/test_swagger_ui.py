"""The interactive API documentation in a real browser, against a served agent with a key."""

import asyncio
import json
from pathlib import Path

from api.routes import ENDPOINTS
from tests.browser.page import chromium
from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_doors_open import made
from tests.e2e.test_serve import serving


async def test_an_operation_is_tried_out_with_a_key_and_nothing_is_fetched_from_elsewhere(
    agent: AgentProcess, tmp_path: Path
) -> None:
    _, key = await made(agent, "--scopes", "read")
    async with serving(agent) as (url, _, _):
        process = await asyncio.create_subprocess_exec(
            "node",
            str(ROOT / "tests/browser/swagger_ui.mjs"),
            *(str(chromium()), url, key, str(tmp_path / "docs.png")),
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(180):
            output, _ = await process.communicate()
    assert process.returncode == 0
    seen = json.loads(output)
    assert seen["status"] == "200"
    assert '"team_name"' in seen["body"]
    assert seen["operations"] == len(ENDPOINTS)
    assert seen["outside"] == []
    # Among them would be everything that the Content-Security-Policy blocks.
    assert seen["errors"] == []
