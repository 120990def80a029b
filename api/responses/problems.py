"""Error responses."""

from pydantic import Field

from api.responses.base import ResponseModel


class FieldProblem(ResponseModel):
    """What is wrong with a field."""

    field: str
    reason: str


class Problem(ResponseModel):
    """An error, in the format of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[FieldProblem] = Field([], exclude_if=lambda errors: not errors)
