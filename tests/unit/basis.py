"""What reports of a period stand on, for tests of what they say."""

from datetime import date

from services.domain import SourceState, StoredConfig
from services.reports.basis import Basis
from tests.makers import NOW


def basis_of(through: date) -> Basis:
    return Basis(
        period="2026-W48",
        made_at=NOW,
        source="datadog",
        config=StoredConfig(),
        state=SourceState(source="datadog", metric="m", data_through=through),
        data_through=through,
        expected_through=through,
        metric="net amortized",
    )
