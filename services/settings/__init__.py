"""Settings from the environment, ``.env`` and secret files, in groups.

``load_settings()`` is called once, in ``main()``. Each adapter receives its own group.
An empty value counts as unset (compose files pass ``NAME=``), and ``NAME_FILE`` names a file
that holds the value of ``NAME``.
"""

from services.settings.costs import CostSettings, DatadogSettings
from services.settings.loading import (
    Settings,
    load_manifest_settings,
    load_settings,
    setting_fields,
)
from services.settings.mail import SmtpSettings
from services.settings.server import MongoSettings, ServerSettings
from services.settings.teams_app import ManifestSettings, TeamsAppSettings

__all__ = [
    "CostSettings",
    "DatadogSettings",
    "ManifestSettings",
    "MongoSettings",
    "ServerSettings",
    "Settings",
    "SmtpSettings",
    "TeamsAppSettings",
    "load_manifest_settings",
    "load_settings",
    "setting_fields",
]
