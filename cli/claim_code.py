"""``claim-code``: another code for the first admin."""

from services.application import Application


async def claim_code(app: Application) -> int:
    """Print a new code; people who have sent too many wrong ones can try again with it."""
    code = await app.administration.roles.create_code(app.context.clock())
    print(how_to_claim(code))
    return 0


def how_to_claim(code: str) -> str:
    """Tell people what to do with a code."""
    return f"To become the first admin, write to the bot in Teams: claim {code}"
