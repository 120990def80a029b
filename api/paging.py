"""Paged lists: bare arrays, with the address of the next page in the Link header."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from api import cursors
from api.endpoints import Call, EndpointResponse


def page(
    call: Call, rows: Sequence[Any], limit: int, sort_key: Callable[[int], tuple[str, ...]]
) -> EndpointResponse:
    """Return the first ``limit`` rows; if there are more, with a link to the next page.

    ``sort_key`` returns kind and sort key of the row with the given index, for the cursor.
    """
    shown = list(rows[:limit])
    if len(rows) <= limit:
        return EndpointResponse(shown)
    parameters = [(name, value) for name, value in call.request.query.items() if name != "cursor"]
    cursor = cursors.encode(*sort_key(limit - 1))
    query = urlencode([*parameters, ("cursor", cursor)])
    # As it was sent: a decoded "#" in a run's ID would begin the fragment.
    link = f'<{call.request.rel_url.raw_path}?{query}>; rel="next"'
    return EndpointResponse(shown, headers={"Link": link})
