"""Counts wrong keys by who sends them, so that nobody can guess on."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

MOST = 20
WITHIN = timedelta(minutes=1)
REMEMBERED = 10_000
"""Peers; those who have been quiet the longest are forgotten first."""
IPV6_NETWORK = 64
"""Who has one address of such a network has all of them."""


class Guesses:
    """Wrong keys of the last minute, for each peer."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait(self, peer: str, now: datetime) -> float:
        """Seconds until the peer may try again; 0.0 when it may now."""
        times = self._wrong.get(_network(peer), ())
        recent = [at for at in times if now - at < WITHIN]
        if len(recent) < MOST:
            return 0.0
        return max((recent[-MOST] + WITHIN - now).total_seconds(), 0.0)

    def note(self, peer: str, now: datetime) -> None:
        """The peer has sent a wrong key."""
        key = _network(peer)
        times = self._wrong.pop(key, None) or deque(maxlen=MOST)
        times.append(now)
        self._wrong[key] = times
        while len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)


def _network(peer: str) -> str:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(int(address) >> (128 - IPV6_NETWORK))
    return str(address)
