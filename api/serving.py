"""The port that the doors are served on, and the web server on it."""

import os
import socket

from aiohttp import web

from api.server import Runner
from services.errors import SettingsError
from services.settings import ServerSettings

CLOSE_SECONDS = 5.0
"""How long requests in hand may last once the server closes."""


def listen(settings: ServerSettings) -> socket.socket:
    """The socket to serve on; SettingsError when it cannot be opened."""
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}:{port} ({_reason(error)}). Stop the program that has the "
            "port, or set PORT to a free one."
        ) from error


def _reason(error: OSError) -> str:
    """Python adds to the system's words the address, which the sentence names already."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


class Site:
    """An application that answers on an open port."""

    def __init__(self, app: web.Application, door: socket.socket) -> None:
        self._runner = Runner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS)
        self._door = door
        host, port = door.getsockname()[:2]
        self.address = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def start(self) -> None:
        """Begins to answer."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._door).start()

    async def stop(self) -> None:
        """Takes no new connections."""
        for site in list(self._runner.sites):
            await site.stop()

    async def close(self) -> None:
        """Ends the connections that are open, requests in hand a little later."""
        await self._runner.cleanup()
