"""The base class of all settings groups."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from services.settings.explanations import choices


class SettingsGroup(BaseModel):
    """The settings of one adapter; field aliases are the names of environment variables."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    @field_validator("*", mode="before")
    @classmethod
    def _choice_in_any_case(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if field is None or not isinstance(value, str):
            return value
        by_folded = {choice.casefold(): choice for choice in choices(field)}
        return by_folded.get(value.casefold(), value)
