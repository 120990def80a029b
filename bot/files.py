"""Files in a personal chat, the only place where a bot may receive or store any: those that people
attach, and those that the agent stores for them. They are exchanged with Microsoft's file hosts
only.
"""

from typing import Any, Literal

import aiohttp
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from bot.connector import Connector
from services.domain.addresses import host_of, is_loopback, is_loopback_url
from services.domain.errors import AgentError, InvalidError
from services.ports import HttpClient
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
STORED = {200, 201}
CONSENT_CARD = "application/vnd.microsoft.teams.card.file.consent"
INFO_CARD = "application/vnd.microsoft.teams.card.file.info"


class UploadInfo(BaseModel):
    """Where to upload a file, once the person has allowed it."""

    model_config = ConfigDict(alias_generator=to_camel)

    name: str
    upload_url: str
    content_url: str
    unique_id: str
    file_type: str = ""


class FileConsent(BaseModel):
    """The answer to an offered file (``fileConsent/invoke``)."""

    model_config = ConfigDict(alias_generator=to_camel)

    action: Literal["accept", "decline"]
    upload_info: UploadInfo | None = None


class Files:
    """Fetches attachments, and stores files in the OneDrive of the person who asked for them."""

    def __init__(self, http: HttpClient, connector: Connector) -> None:
        self._http = http
        self._connector = connector

    async def offer(
        self, service_url: str, conversation_id: str, name: str, description: str, size: int
    ) -> None:
        """Ask for permission to store a file; Teams answers with a ``FileConsent``."""
        content = {
            "description": description,
            "sizeInBytes": size,
            "acceptContext": {},
            "declineContext": {},
        }
        await self._send(service_url, conversation_id, CONSENT_CARD, name, content)

    async def store(
        self, service_url: str, conversation_id: str, upload: UploadInfo, data: bytes
    ) -> None:
        """Store a file and show it. Raises InvalidError, AgentError."""
        if not _is_allowed(upload.upload_url, service_url):
            raise InvalidError("Teams did not name a place for the file. Ask for it again.")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}",
        }
        try:
            async with self._http.request(
                "PUT",
                upload.upload_url,
                data=data,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
            ) as response:
                if response.status not in STORED:
                    raise AgentError(
                        f"Teams did not take the file. Ask for it again ({response.status})."
                    )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AgentError("The file could not be stored. Ask for it again.") from error
        content = {"uniqueId": upload.unique_id, "fileType": upload.file_type}
        await self._send(
            service_url, conversation_id, INFO_CARD, upload.name, content, upload.content_url
        )

    async def _send(
        self,
        service_url: str,
        conversation_id: str,
        kind: str,
        name: str,
        content: dict[str, Any],
        content_url: str | None = None,
    ) -> None:
        attachment = {"contentType": kind, "name": name, "content": content}
        if content_url is not None:
            attachment["contentUrl"] = content_url
        body = {"type": "message", "attachments": [attachment]}
        await self._connector.send(service_url, conversation_id, body, at_once=True)

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
                data: bytes = await response.content.read(MAX_BYTES + 1)
                while len(data) <= MAX_BYTES and (more := await response.content.read(MAX_BYTES)):
                    data += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AgentError("The file could not be downloaded. Attach it again.") from error
        return data


def _is_allowed(url: str, service_url: str) -> bool:
    host = host_of(url)
    if host is None:
        return False
    if is_loopback(host):
        return is_loopback_url(service_url)
    return url.lower().startswith("https://") and host.endswith(TEAMS_FILE_HOSTS)
