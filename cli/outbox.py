"""``outbox``: serve only the pages of captured emails."""

import socket
from collections.abc import Callable

from cli.serve import ServingSite
from cli.signals import stop_requested
from services.domain.addresses import is_loopback
from services.domain.errors import SettingsError


async def outbox(
    host: str, listen: Callable[[], socket.socket], site_on: Callable[[socket.socket], ServingSite]
) -> int:
    """Serve until SIGINT or SIGTERM; only to this machine, as these pages ask for no key."""
    stop = stop_requested()
    if not is_loopback(host):
        raise SettingsError(
            f"HOST={host} would show the captured emails to the network. Set HOST=127.0.0.1."
        )
    with listen() as listener:
        site = site_on(listener)
        await site.start()
        print(f"Outbox     {site.address}/outbox\nStop with Ctrl-C.", flush=True)
        await stop.wait()
        await site.close()
    return 0
