"""Serves one bot: ``python -m tests.bench.bots NAME`` prints its port.

``GET /used`` says what the process has used so far: seconds of processor time, user and system,
all threads, and its greatest memory in MiB (Linux).
"""

import asyncio
import gc
import importlib
import sys
import time
from pathlib import Path

from aiohttp import web


async def used(request: web.Request) -> web.Response:
    """What the process has used so far."""
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    return web.json_response({"seconds": time.process_time(), "peak": peak})


async def serve(name: str) -> None:
    """Serves until it is killed."""
    module = importlib.import_module(f"tests.bench.bots.{name}")
    async with module.bot() as handler:
        app = web.Application(middlewares=getattr(module, "MIDDLEWARES", ()))
        app.update(getattr(module, "CONFIGURATION", {}))
        app.router.add_post("/api/messages", handler)
        outer = web.Application()
        outer.router.add_get("/used", used)
        outer.add_subapp("/bot", app)
        runner = web.AppRunner(outer, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        gc.collect()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
