"""The application: all capabilities, put together over any adapters."""

from services.application.adapters import Adapters, Mail, Options, Probes
from services.application.build import Application, build

__all__ = ["Adapters", "Application", "Mail", "Options", "Probes", "build"]
