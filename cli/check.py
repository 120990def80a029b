"""``check``: each outside system in one line."""

from cli.wired import Wired


async def check(wired: Wired) -> int:
    """Prints a line for each system; 0 only if all work."""
    findings = await wired.check.all(wired.clock())
    for finding in findings:
        print(f"{'ok   ' if finding.ok else 'ERROR'}  {finding.system:<8} {finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1
