"""Costs: read from the source, checked, stored."""

from services.costs.ingest import CostIngest

__all__ = ["CostIngest"]
