"""A limit on wrong keys per address, against guessing."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

MAX_WRONG_KEYS = 20
WINDOW = timedelta(minutes=1)
MAX_ADDRESSES = 10_000
"""Bounds the memory; the addresses whose last wrong key is oldest are forgotten first."""
IPV6_PREFIX = 64
"""Whoever has one address of such a network has all of them, so they count together."""


class GuessLimit:
    """The wrong keys of the last minute, by address."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait_seconds(self, address: str, now: datetime) -> float:
        """Seconds until the address may try again; 0.0 when it may now."""
        times = self._wrong.get(_network(address), ())
        recent = [at for at in times if now - at < WINDOW]
        if len(recent) < MAX_WRONG_KEYS:
            return 0.0
        return max((recent[-MAX_WRONG_KEYS] + WINDOW - now).total_seconds(), 0.0)

    def record(self, address: str, now: datetime) -> None:
        """Count a wrong key."""
        network = _network(address)
        times = self._wrong.pop(network, None) or deque(maxlen=MAX_WRONG_KEYS)
        times.append(now)
        self._wrong[network] = times
        while len(self._wrong) > MAX_ADDRESSES:
            self._wrong.popitem(last=False)


def _network(address: str) -> str:
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(int(ip) >> (128 - IPV6_PREFIX))
    return str(ip)
