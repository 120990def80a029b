"""What all groups of settings have in common."""

from pydantic import BaseModel, ConfigDict


class SettingsGroup(BaseModel):
    """Settings of one adapter; field aliases are the names in the environment."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )
