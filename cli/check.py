"""``check``: test the connection to each outside system."""

from collections.abc import Sequence

from services.application import Application
from services.domain.errors import SettingsError, StoreUnavailableError
from services.operations import Finding


async def check(app: Application) -> int:
    """Print a line for each system; returns 0 only if all work."""
    return _print((await app.operations.diagnostics.check(app.context.clock())).findings)


def without_mongodb(error: StoreUnavailableError) -> int:
    """Report MongoDB alone: the settings of the other systems are stored in it."""
    text = f"{error} The other systems are checked once MongoDB responds."
    return _print([Finding("MongoDB", ok=False, text=text)])


def with_wrong_settings(error: SettingsError) -> int:
    """Report the settings alone: nothing can be reached with wrong ones."""
    return _print([Finding("Settings", ok=False, text=problem) for problem in error.problems])


def _print(findings: Sequence[Finding]) -> int:
    width = max(len(finding.system) for finding in findings)
    for finding in findings:
        print(f"{'ok   ' if finding.ok else 'ERROR'}  {finding.system:<{width}}  {finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1
