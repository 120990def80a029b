"""Pages of lists: bare arrays, with the address of the next page in the Link header."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from api import cursors
from api.endpoints import Call, Reply


def page(
    call: Call, rows: Sequence[Any], limit: int, place: Callable[[int], tuple[str, ...]]
) -> Reply:
    """The first ``limit`` rows; there is a next page when there are more.

    ``place`` gives kind and place of the row of a number, for the cursor behind it.
    """
    shown = list(rows[:limit])
    if len(rows) <= limit:
        return Reply(shown)
    kept = [(name, value) for name, value in call.request.query.items() if name != "cursor"]
    cursor = cursors.write(*place(limit - 1))
    query = urlencode([*kept, ("cursor", cursor)])
    return Reply(shown, headers={"Link": f'<{call.request.path}?{query}>; rel="next"'})
