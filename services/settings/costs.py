"""Settings of the cost source, and when a day of costs counts as complete."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from services.settings.group import SettingsGroup
from services.settings.kinds import Metric, WebAddress

DATADOG_SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "uk1.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
)


class DatadogSettings(SettingsGroup):
    api_key: SecretStr | None = Field(
        None, alias="DATADOG_API_KEY", description="Datadog API key. Unset: sample costs are used."
    )
    app_key: SecretStr | None = Field(
        None,
        alias="DATADOG_APP_KEY",
        description="Datadog application key with the scopes `timeseries_query` and "
        "`cloud_cost_management_read`.",
    )
    site: str = Field(
        "datadoghq.com", alias="DATADOG_SITE", description="Your organization's Datadog site."
    )
    api_url: WebAddress | None = Field(
        None,
        alias="DATADOG_API_URL",
        description="Replaces `https://api.<site>`, for proxies and tests.",
    )
    cost_metric: Metric | None = Field(
        None,
        alias="DATADOG_COST_METRIC",
        description="Cost metric to read. Unset: `aws.cost.net.amortized` if it has data, otherwise "
        "`aws.cost.amortized`.",
    )
    accounts_per_query: int = Field(
        250,
        alias="DATADOG_ACCOUNTS_PER_QUERY",
        description="Accounts per query. Halved automatically when a response is cut off.",
        ge=1,
        le=1000,
    )

    max_response_mb: int = Field(
        256,
        alias="DATADOG_MAX_RESPONSE_MB",
        description="Maximum size of a response from Datadog in MB, unpacked.",
        ge=1,
        le=4096,
    )

    @field_validator("site")
    @classmethod
    def _known_site(cls, site: str) -> str:
        # As people copy it from the address bar: https://app.datadoghq.eu/dashboard
        host = site.strip().lower().rpartition("://")[2].partition("/")[0]
        site = host.removeprefix("app.").removeprefix("api.")
        if site not in DATADOG_SITES:
            raise ValueError(f"must be one of {', '.join(DATADOG_SITES)}")
        return site

    @model_validator(mode="after")
    def _both_keys_or_none(self) -> Self:
        if (self.api_key is None) != (self.app_key is None):
            missing = "DATADOG_APP_KEY" if self.app_key is None else "DATADOG_API_KEY"
            raise ValueError(f"{missing} is missing; set both keys, or neither for sample costs")
        return self

    @property
    def is_configured(self) -> bool:
        return self.api_key is not None

    @property
    def max_response_bytes(self) -> int:
        return self.max_response_mb * 1_000_000

    @property
    def base_url(self) -> str:
        return self.api_url or f"https://api.{self.site}"


class CostSettings(SettingsGroup):
    complete_after_hours: int | None = Field(
        None,
        alias="COST_DAY_COMPLETE_AFTER_HOURS",
        description="Hours after the end of a UTC day until its costs count as complete. Unset: the "
        "cost source decides (48 for Datadog).",
        ge=0,
        le=240,
    )
