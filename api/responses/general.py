"""Responses about the agent itself."""

from typing import Literal

from pydantic import Field

from api.responses.base import Instant, ResponseModel
from services.domain import SourceName


class AboutResponse(ResponseModel):
    """Name, version and cost source."""

    name: str
    version: str
    source: SourceName
    sample: bool
    banner: str = Field(
        description="Whether the agent is in local mode, and whether its data is a sample."
    )


class HealthResponse(ResponseModel):
    """Whether the agent works."""

    status: Literal["healthy", "unhealthy"]
    timestamp: Instant
    failing: list[str] = Field(
        [], exclude_if=lambda parts: not parts, description="The failing components."
    )


class JobResponse(ResponseModel):
    """A scheduled job."""

    id: str
    next_run_time: Instant
    next_runs: list[Instant]


class SchedulerResponse(ResponseModel):
    """What the scheduler does next."""

    running: bool
    jobs: list[JobResponse]
