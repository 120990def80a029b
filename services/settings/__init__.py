"""Settings from the environment, ``.env`` and secret files, in groups.

``load_settings()`` is called once, in ``main()``; each adapter receives its own group. An empty
value counts as unset, as Compose files pass ``NAME=`` for an unset variable. ``NAME_FILE`` is the
path of a file that contains the value of ``NAME``, as Docker and Kubernetes mount secrets.
"""

from services.settings.costs import CostSettings, DatadogSettings
from services.settings.loading import (
    Settings,
    load_manifest_settings,
    load_settings,
    setting_fields,
)
from services.settings.mail import SmtpSettings
from services.settings.proxies import DIRECT, ProxySettings
from services.settings.server import MongoSettings, ServerSettings
from services.settings.teams_app import ManifestSettings, TeamsAppSettings

__all__ = [
    "DIRECT",
    "CostSettings",
    "DatadogSettings",
    "ManifestSettings",
    "MongoSettings",
    "ProxySettings",
    "ServerSettings",
    "Settings",
    "SmtpSettings",
    "TeamsAppSettings",
    "load_manifest_settings",
    "load_settings",
    "setting_fields",
]
