"""The proxy for requests to other machines: one rule for all HTTP clients.

The libraries' own reading of the environment is not used: aiohttp ignores ``ALL_PROXY`` and a
proxy without ``http://``, httpx treats ``NO_PROXY=.example.com`` differently, and both would send
requests to this machine through the proxy.
"""

from typing import Annotated
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # not in typeshed

from pydantic import AfterValidator, Field, SecretStr

from services.domain.addresses import is_loopback
from services.settings.group import SettingsGroup


def _proxy(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    url = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
        is_valid = is_valid and (parts.port is None or parts.port > 0)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError("must be the URL of an HTTP proxy, such as http://proxy.example.com:3128")
    return SecretStr(url)


Proxy = Annotated[SecretStr, AfterValidator(_proxy)]
"""May contain a user and a password."""


class ProxySettings(SettingsGroup):
    https_proxy: Proxy | None = Field(
        None,
        alias="HTTPS_PROXY",
        description="HTTP proxy for requests to Datadog, Entra ID, Teams and Microsoft Graph, such "
        "as `http://proxy.example.com:3128`. Unset: `ALL_PROXY`, or none.",
    )
    all_proxy: Proxy | None = Field(
        None, alias="ALL_PROXY", description="The same, if `HTTPS_PROXY` is not set."
    )
    no_proxy: str | None = Field(
        None,
        alias="NO_PROXY",
        description="Hosts that are reached without it, separated by commas: a name stands for all "
        "names below it, too, `*` for every host.",
    )

    def for_url(self, url: str) -> str | None:
        """The URL of the proxy for requests to ``url``; None for none."""
        proxy = self.https_proxy or self.all_proxy
        try:
            parts = urlsplit(url)
        except ValueError:  # the client says what is wrong with it
            return None
        host = parts.hostname or ""
        # Plain HTTP goes to this machine only.
        if proxy is None or is_loopback(host) or parts.scheme != "https":
            return None
        if proxy_bypass_environment(host, {"no": (self.no_proxy or "").lower()}):
            return None
        return proxy.get_secret_value()


DIRECT = ProxySettings()
"""No proxy at all."""
EITHER_CASE = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
"""Names that are as common in lower case."""
