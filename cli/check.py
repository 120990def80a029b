"""``check``: each outside system in one line."""

from collections.abc import Sequence

from cli.wired import Wired
from services.domain.errors import StoreUnavailableError
from services.operations.diagnostics import Finding


async def check(wired: Wired) -> int:
    """Prints a line for each system; 0 only if all work."""
    return _told(await wired.check.all(wired.clock()))


def without_mongodb(error: StoreUnavailableError) -> int:
    """The settings of the others are in it; so it comes first."""
    text = f"{error} The others are tried once it answers."
    return _told([Finding("MongoDB", ok=False, text=text)])


def _told(findings: Sequence[Finding]) -> int:
    width = max(len(finding.system) for finding in findings)
    for finding in findings:
        print(f"{'ok   ' if finding.ok else 'ERROR'}  {finding.system:<{width}}  {finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1
