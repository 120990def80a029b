"""The signals that end the program: SIGINT of a person, SIGTERM of whatever runs it."""

import asyncio
import signal

STOPPING = (signal.SIGINT, signal.SIGTERM)


def told_to_stop() -> asyncio.Event:
    """Is set at the first of them; they end nothing by themselves any more."""
    stop = asyncio.Event()
    for name in STOPPING:
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop
