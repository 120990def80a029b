"""``outbox``: serve only the pages of captured emails."""

import socket
from collections.abc import Callable

from cli.serve import ServingSite
from cli.signals import stop_requested
from services.domain.addresses import is_loopback
from services.domain.errors import SettingsError
from services.settings import Settings


async def outbox(
    settings: Settings,
    listen: Callable[[], socket.socket],
    site_on: Callable[[socket.socket], ServingSite],
) -> int:
    """Serve until SIGINT or SIGTERM; only to this machine, as these pages ask for no key."""
    stop = stop_requested()
    server = settings.server
    if not is_loopback(server.host):
        raise SettingsError(
            f"HOST={server.host} would show the captured emails to the network. "
            "Set HOST=127.0.0.1."
        )
    if settings.teams_app.app_id is not None:
        # Teams reaches this machine through a proxy, which may hide that it forwards a request.
        raise SettingsError(
            "MicrosoftAppId is set, so the Internet may reach these pages, which ask for no key. "
            "Start the agent and open /outbox with an API key, or read the files in "
            f"{server.outbox_dir}."
        )
    with listen() as listener:
        site = site_on(listener)
        await site.start()
        print(f"Outbox     {site.address}/outbox\nStop with Ctrl-C.", flush=True)
        await stop.wait()
        await site.close()
    return 0
