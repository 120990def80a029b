"""What detection keeps of an account from one day to the next."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class KeptWatch:
    """The state of an account's watch after a day, and what it was made from.

    It saves time and nothing else: whatever does not fit any more is replayed from history.
    """

    account_id: str
    through: date
    """The last day that was judged."""
    made_with: str
    """The detection that made it, and its rules: another one must not go on with it."""
    basis: str
    """What of the stored costs and of the answers has gone into it, as JSON."""
    state: bytes
    settled: bool
    """Whether all that it knows is recorded; if not, whoever made it has stopped in the middle."""
