"""The words of the important cards, to be read and compared: ``python -m tests.cards.golden``.

``golden.txt`` is made by this; what changes in it is looked at before it is committed.
"""

from pathlib import Path

from tests.cards.examples import every
from tests.cards.reading import read

GOLDEN = Path(__file__).with_name("golden.txt")
IMPORTANT = (
    *("welcome in a channel", "help of an admin", "denied", "error", "which of three"),
    *("teams in the middle", "team up", "team silent", "form with problems", "team stored"),
    *("remove?", "import?", "export", "costs with gaps", "explain up", "explain new spend"),
    *(
        "alert",
        "alert above threshold",
        "alert grown",
        "alert with all",
        "digest of one event",
        "alert expected",
        "alert snoozed",
        "alert planned",
        "alert too small, with an offer",
        "alert too small, minimum raised",
        "alert below the minimum",
        "alert like an earlier one",
        "alert open again",
        "alert accepted, with its level",
        "alert for nobody",
    ),
    *("anomalies at the end", "digest", "run with failed emails", "preview with all"),
    *("preview silent", "admin preview", "send one?", "send all?", "progress", "one failed"),
    *("nothing sent", "schedule", "alerts go to many", "admins", "status with problems"),
    *("status of the sample", "history", "thresholds", "what if, higher", "planned change"),
)


def made() -> str:
    """The text of the file."""
    cards = every()
    return "\n".join(f"== {name}\n{read(cards[name])}\n" for name in IMPORTANT)


if __name__ == "__main__":
    GOLDEN.write_text(made(), "utf-8")
