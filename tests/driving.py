"""Scripts of Node that drive a browser: a job goes in as JSON, what was found comes back as JSON."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any


def driven(driver: Path, browser: str, job: dict[str, Any]) -> Any:
    """What a script says of a job; RuntimeError with its own words when it fails."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(job, file)
        file.flush()
        done = subprocess.run(
            ["node", str(driver), browser, file.name],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)
