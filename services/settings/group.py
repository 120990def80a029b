"""The base class of all settings groups."""

from pydantic import BaseModel, ConfigDict


class SettingsGroup(BaseModel):
    """The settings of one adapter; field aliases are the names of environment variables."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )
