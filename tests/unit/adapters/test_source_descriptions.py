"""What a cost source may declare about itself."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.adapters.datadog import DatadogSource
from services.adapters.sample import SampleSource
from services.domain import SourceDescription
from services.settings import DatadogSettings, load_settings


def described(**more: Any) -> SourceDescription:
    values: dict[str, Any] = {
        "name": "ledger",
        "title": "the ledger",
        "missing_costs_help": "",
        "complete_after_hours": 24,
        "max_accounts_per_query": 10,
        "has_account_names": False,
    }
    return SourceDescription(**{**values, **more})


@pytest.mark.parametrize("name", ["", "Datadog", "a b", "1st", "a:b", "a-b", "x" * 33])
def test_a_name_that_stored_ids_could_not_hold_is_refused(name: str) -> None:
    assert described(name="azure_2").name == "azure_2"
    with pytest.raises(ValidationError):
        described(name=name)


def test_only_the_sample_is_sample_data() -> None:
    assert SampleSource().description.is_sample
    assert not described().is_sample


async def test_datadog_declares_what_it_was_built_for() -> None:
    source = DatadogSource(DatadogSettings(api_key="a", app_key="b", accounts_per_query=7))
    found = source.description
    await source.aclose()
    assert (found.name, found.title, found.is_sample) == ("datadog", "Datadog", False)
    assert (found.complete_after_hours, found.history_months) == (48, 15)
    assert found.max_accounts_per_query == 7
    assert found.metric_label("aws.cost.net.amortized") == "net amortized"
    assert found.metric_label("custom.cost") == "custom.cost"


async def test_the_sample_says_how_to_get_real_costs() -> None:
    source = SampleSource(how_to_connect="Set THE_KEY.")
    assert source.description.missing_costs_help == "Set THE_KEY."


def test_when_a_day_is_complete_is_up_to_the_source_unless_it_is_set() -> None:
    assert load_settings({}, None).costs.complete_after_hours is None
    explicit = load_settings({"COST_DAY_COMPLETE_AFTER_HOURS": "0"}, None)
    assert explicit.costs.complete_after_hours == 0
