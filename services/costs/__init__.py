"""Costs: read from the source, checked to be complete, stored, and looked up."""

from dataclasses import dataclass

from services.costs.history import CostHistoryReader, Span
from services.costs.ingest import CostIngest
from services.costs.rows import CostRowReader
from services.ports import CostSource, Store
from services.teams import Teams

__all__ = [
    "CostIngest",
    "Costs",
    "Span",
    "build",
]


@dataclass(frozen=True, slots=True)
class Costs:
    """The face of the package."""

    ingest: CostIngest
    history: CostHistoryReader
    rows: CostRowReader


def build(store: Store, source: CostSource, teams: Teams, complete_after_hours: int) -> Costs:
    """Build the face for one source."""
    name = source.description.name
    ingest = CostIngest(source, store.costs, complete_after_hours)
    return Costs(
        ingest=ingest,
        history=CostHistoryReader(ingest, store.costs, name),
        rows=CostRowReader(ingest, store.costs, teams, name),
    )
