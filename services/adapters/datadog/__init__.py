"""Datadog Cloud Cost Management as a cost source."""

from services.adapters.datadog.guidance import HOW_TO_CONNECT
from services.adapters.datadog.source import DatadogSource

__all__ = ["HOW_TO_CONNECT", "DatadogSource"]
