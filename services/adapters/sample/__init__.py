"""The sample source: made-up costs and teams, to try the agent with."""

from services.adapters.sample.organization import sample_teams
from services.adapters.sample.source import SampleSource

__all__ = ["SampleSource", "sample_teams"]
