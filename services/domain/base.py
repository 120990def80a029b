"""What every value has in common."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value; equal when its fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid")
