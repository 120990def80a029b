"""What schemathesis cannot read in the OpenAPI document, as JSON Schema compares no two values.

Loaded by schemathesis itself (``SCHEMATHESIS_HOOKS``).
"""

from typing import Any

import schemathesis


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Puts two days in order: ``from`` after ``to`` is refused, and tested by itself."""
    query = case.query or {}
    first, last = query.get("from"), query.get("to")
    if isinstance(first, str) and isinstance(last, str) and first > last:
        query["from"], query["to"] = last, first
