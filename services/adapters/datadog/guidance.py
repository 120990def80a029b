"""What to do in Datadog, and which setting to change."""

from services.domain.errors import CostSourceError

SCOPES = "timeseries_query and cloud_cost_management_read"
"""The scopes of the application key. Datadog's permissions page asks for the second under "API
Queries for Cost Data"; the query endpoint itself asks for the first."""

HOW_TO_CONNECT = "Set DATADOG_API_KEY and DATADOG_APP_KEY to read your own costs."
MISSING_COSTS = (
    "Check in Datadog that Cloud Cost Management still gets data, and DATADOG_COST_METRIC."
)
NEVER_ANY_COSTS = (
    "Check in Datadog that Cloud Cost Management is set up for AWS (a new set-up takes 48 to 72 "
    "hours) and that DATADOG_SITE is your site; set DATADOG_COST_METRIC to use another metric."
)
ONE_CURRENCY = "Set DATADOG_COST_METRIC to a metric in one currency."
ADDRESS = "Check DATADOG_SITE and DATADOG_API_URL."


def malformed(problem: str) -> CostSourceError:
    """The error for a response that Datadog itself would not send; ``problem``: what is wrong."""
    return CostSourceError(
        f"Datadog's response cannot be used: {problem}. Nothing of it was stored. Try again later; "
        "if it stays like this, check DATADOG_API_URL and any proxy in between.",
        permanent=False,
    )


def shown(text: str, max_length: int) -> str:
    """Text from a response for a message: one line, printable, short."""
    printable = "".join(char if char.isprintable() else " " for char in text[: max_length * 2])
    return " ".join(printable.split())[:max_length]
