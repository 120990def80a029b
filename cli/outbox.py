"""``outbox``: serves only the pages of captured mails."""

import socket
from collections.abc import Callable

from cli.serve import Site
from cli.signals import told_to_stop
from services.domain.addresses import is_loopback
from services.domain.errors import SettingsError


async def outbox(
    host: str, listen: Callable[[], socket.socket], site_on: Callable[[socket.socket], Site]
) -> int:
    """Until SIGINT or SIGTERM; only to this machine, as these pages know no key."""
    stop = told_to_stop()
    if not is_loopback(host):
        raise SettingsError(
            f"HOST={host} would show the captured mails to the network. Set HOST=127.0.0.1."
        )
    with listen() as door:
        site = site_on(door)
        await site.start()
        print(f"Outbox     {site.address}/outbox\nStop with Ctrl-C.", flush=True)
        await stop.wait()
        await site.close()
    return 0
