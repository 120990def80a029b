"""Costs: read from the source, checked, stored."""

from services.costs.ingest import Costs

__all__ = ["Costs"]
