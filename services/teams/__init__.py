"""Teams: which account belongs to whom, and the CSV that imports and exports them."""

from services.administration import Administration
from services.ports import Store
from services.runtime.context import Context
from services.teams.teams import Teams

__all__ = ["Teams", "build"]


def build(store: Store, administration: Administration, context: Context) -> Teams:
    """Build the face for the source of the process."""
    return Teams(store.teams, administration.audit_trail, source=context.source.name)
