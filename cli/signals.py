"""The signals that stop the program: SIGINT from a person, SIGTERM from a service manager."""

import asyncio
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def stop_requested() -> asyncio.Event:
    """Return an event that the first signal sets; from now on signals end nothing on their own."""
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
