"""Base of responses, and how amounts and instants are written."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from services.domain.formatting import plain_money

MONEY_PATTERN = r"^-?[0-9]+\.[0-9]{2}$"
Money = Annotated[
    Decimal,
    PlainSerializer(plain_money, return_type=str),
    WithJsonSchema({"type": "string", "pattern": MONEY_PATTERN}, mode="serialization"),
]
MoneyText = Annotated[str, WithJsonSchema({"type": "string", "pattern": MONEY_PATTERN})]
"""An amount that was formatted before, as in previews."""
Instant = Annotated[
    datetime,
    # MongoDB stores milliseconds; a value not stored yet must read as it will when read back.
    PlainSerializer(lambda value: value.isoformat(timespec="milliseconds"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class ResponseModel(BaseModel):
    """Base of responses."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
