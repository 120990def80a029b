"""The base class of all domain values."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """An immutable value, compared by its fields; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
