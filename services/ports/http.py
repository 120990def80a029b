"""How the interfaces make HTTP requests."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class HttpClient(Protocol):
    """The part of aiohttp's client session that is used; ``timeout``: aiohttp's ``ClientTimeout``."""

    def get(
        self, url: str, *, timeout: Any, allow_redirects: bool
    ) -> AbstractAsyncContextManager[Any]:
        """Make a GET request; the response is aiohttp's."""
        ...

    def request(
        self,
        method: str,
        url: str,
        *,
        data: bytes | None,
        headers: Mapping[str, str],
        timeout: Any,
        allow_redirects: bool,
    ) -> AbstractAsyncContextManager[Any]:
        """Make a request with a body."""
        ...
