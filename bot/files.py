"""Files that people attach in a personal chat, fetched only from where Teams stores them."""

from urllib.parse import urlsplit

import aiohttp

from services.domain.addresses import is_loopback
from services.domain.errors import AgentError, InvalidError
from services.teams import MAX_BYTES

TEAMS_FILE_HOSTS = (
    ".sharepoint.com",
    ".sharepoint.us",
    ".sharepoint-mil.us",
    ".sharepoint.cn",
    ".svc.ms",
)
TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)
OK = 200


class Files:
    """Fetches attachments."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def fetch(self, url: str, service_url: str) -> bytes:
        """The bytes of an attachment.

        Its URL comes in a message and could name any host, also internal ones, so it is followed
        only to Microsoft's file hosts (or on this machine, if the channel itself is there), over
        https, and without redirects. Raises InvalidError, AgentError.
        """
        if not _is_allowed(url, service_url):
            raise InvalidError("This file is not stored in Teams. Paste the teams instead.")
        try:
            async with self._http.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
                if response.status != OK:
                    raise AgentError(
                        f"Teams did not return the file. Attach it again ({response.status})."
                    )
                data = await response.content.read(MAX_BYTES + 1)
                while len(data) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES)):
                    data += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AgentError("The file could not be downloaded. Attach it again.") from error
        return data


def _is_allowed(url: str, service_url: str) -> bool:
    try:
        parts, channel = urlsplit(url), urlsplit(service_url)
        host, channel_host = parts.hostname or "", channel.hostname or ""
    except ValueError:
        return False
    if is_loopback(host):
        return is_loopback(channel_host)
    return parts.scheme == "https" and host.lower().endswith(TEAMS_FILE_HOSTS)
