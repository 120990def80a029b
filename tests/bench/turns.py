"""Measures one authenticated chat turn: message in, reply posted back with a token.

``make bench-turns`` prints the table of docs/benchmarks.md. Each bot is a fresh process; all see
the same messages with the same valid token from the same simulator, and post their replies to it.
Counted is the processor time of the bot's process alone (user and system, all threads). Rounds go
through all bots in turns, so that a busy machine is busy for all of them.
"""

import argparse
import asyncio
import itertools
import os
import secrets
import ssl
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

import aiohttp
import trustme
from aiohttp import web

from services.adapters.embedded_mongo.server import start_embedded
from tests.servers.teams import TeamsSim

ROOT = Path(__file__).parent.parent.parent
BOTS = {
    "bare": "aiohttp alone, no token looked at",
    "ours": "AWS Cost Agent, echo",
    "agents": "Microsoft 365 Agents SDK 1.9.0",
    "stock": "botbuilder 4.17.1, CloudAdapter",
    "product": "AWS Cost Agent, `whoami`",
}
AT_ONCE = 8
LEAST_GAIN = 8.0
"""How many times less than stock botbuilder a turn has to cost."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One bot in one round."""

    alone: float
    """Milliseconds of processor time a turn, one turn at a time."""
    crowd: float
    """The same with 8 at once, in 8 conversations."""
    connections: float
    """New connections for 1,000 replies."""
    tokens: float
    """Tokens fetched for 1,000 turns."""
    peak: float
    """MiB."""


class Sim(TeamsSim):
    """Counts connections, keeps no messages, and signs apps in over TLS too, as MSAL insists on."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = 0
        self._transports: WeakSet[Any] = WeakSet()
        self.replies = 0

    def _apply(
        self, request: web.Request, conversation: str, body: dict[str, Any]
    ) -> web.Response:
        self.replies += 1
        if request.transport not in self._transports:
            self._transports.add(request.transport)
            self.connections += 1
        return web.json_response({"id": f"m{self.replies}"}, status=201)

    async def _authority(self, request: web.Request) -> web.Response:
        base = f"https://{request.host}/adfs"
        found = {
            "issuer": base,
            "authorization_endpoint": f"{base}/a",
            "token_endpoint": f"{base}/t",
        }
        return web.json_response(found)

    @asynccontextmanager
    async def signing_in(self, folder: Path) -> AsyncIterator[dict[str, str]]:
        """Settings that lead here, of all bots."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(context)
        app = web.Application()
        app.router.add_get("/adfs/.well-known/openid-configuration", self._authority)
        app.router.add_post("/adfs/t", self._token)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "localhost", 0, ssl_context=context).start()
        yield {
            **self.environment(),
            "BENCH_AUTHORITY": f"https://localhost:{runner.addresses[0][1]}/adfs",
            "BENCH_KEYS": f"{self.url}/keys",
            "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
        }
        await runner.cleanup()


async def _port_line(out: asyncio.StreamReader) -> bytes:
    """The line with the port; lines of the log may come before it."""
    while (line := await out.readline()) and not line.strip().isdigit():
        pass
    return line


class Bot:
    """A bot in a process of its own, and somebody who writes to it."""

    def __init__(self, name: str, sim: Sim, http: aiohttp.ClientSession) -> None:
        self._name = name
        self._sim = sim
        self._http = http
        self._token = f"Bearer {sim.token()}"
        self._numbers = itertools.count()

    @asynccontextmanager
    async def running(self, environment: dict[str, str]) -> AsyncIterator[None]:
        """Until it is ready, and then until it is stopped."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bench.bots",
            self._name,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
            cwd=environment["DATA_DIR"],
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout is not None
            line = await _port_line(process.stdout)
            if not line:
                raise SystemExit(f"The bot {self._name} did not start.")
            self._url = f"http://127.0.0.1:{int(line)}"
            yield
        finally:
            process.kill()
            await process.wait()

    async def used(self) -> tuple[float, float]:
        """(seconds of processor time, peak MiB) so far."""
        async with self._http.get(f"{self._url}/used") as answer:
            found = await answer.json()
        return found["seconds"], found["peak"]

    async def turns(self, count: int, at_once: int) -> float:
        """Does that many turns; milliseconds of processor time for each."""
        before, (began, _) = self._sim.replies, await self.used()
        waiting = iter(range(count))
        await asyncio.gather(*(self._writer(waiting, lane) for lane in range(at_once)))
        ended, _ = await self.used()
        replies = self._sim.replies - before
        if replies != count:
            raise SystemExit(f"{self._name} answered {replies} of {count} messages.")
        return (ended - began) / count * 1000

    async def _writer(self, waiting: Any, lane: int) -> None:
        for _ in waiting:
            text = "whoami" if self._name == "product" else "hello"
            activity = self._sim.activity("message", text=text, textFormat="plain")
            activity["conversation"]["id"] = f"a:{lane}"
            async with self._http.post(
                f"{self._url}/bot/api/messages",
                json=activity,
                headers={"Authorization": self._token},
            ) as answer:
                if answer.status >= 300:
                    raise SystemExit(f"{self._name} said {answer.status}: {await answer.text()}")


async def one_round(name: str, sim: Sim, environment: dict[str, str], turns: int) -> Measured:
    """Starts a bot, warms it up and measures it."""
    async with aiohttp.ClientSession() as http:
        bot = Bot(name, sim, http)
        async with bot.running({**environment, "DB_NAME": f"bench_{secrets.token_hex(6)}"}):
            await bot.turns(50, AT_ONCE)
            connections, tokens = sim.connections, sim.tokens_given
            alone = await bot.turns(turns, 1)
            crowd = await bot.turns(turns, AT_ONCE)
            per_thousand = 1000 / (2 * turns)
            return Measured(
                alone=alone,
                crowd=crowd,
                connections=(sim.connections - connections) * per_thousand,
                tokens=(sim.tokens_given - tokens) * per_thousand,
                peak=(await bot.used())[1],
            )


async def measure(
    names: list[str], rounds: int, turns: int, mongo_url: str, folder: Path
) -> dict[str, list[Measured]]:
    """All bots, several times each, in turns."""
    found: dict[str, list[Measured]] = {name: [] for name in names}
    async with Sim() as sim, sim.signing_in(folder) as settings:
        environment = {**settings, "DATA_DIR": str(folder), "MONGO_URL": mongo_url}
        for number in range(rounds):
            for name in names:
                found[name].append(await one_round(name, sim, environment, turns))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found


async def measure_all(rounds: int, turns: int) -> dict[str, list[Measured]]:
    """The same with an embedded MongoDB for those that need one."""
    with tempfile.TemporaryDirectory() as name:
        async with start_embedded(Path(name)) as mongo:
            return await measure(list(BOTS), rounds, turns, mongo.url, Path(name))


def times(found: dict[str, list[Measured]], name: str, other: str) -> float:
    """How many times more ``name`` costs than ``other``: the median of the rounds' ratios."""
    pairs = zip(found[name], found[other], strict=True)
    return statistics.median(one.alone / two.alone for one, two in pairs)


def show(found: dict[str, list[Measured]]) -> None:
    """Prints a Markdown table of medians."""
    print("| bot | CPU a turn | × bare | 8 at once | new connections | tokens | memory |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, rounds in found.items():
        middle = {
            field: statistics.median(getattr(measured, field) for measured in rounds)
            for field in Measured.__dataclass_fields__
        }
        print(
            f"| {BOTS[name]} | {middle['alone']:.2f} ms | {times(found, name, 'bare'):.1f} "
            f"| {middle['crowd']:.2f} ms | {middle['connections']:.0f} | {middle['tokens']:.0f} "
            f"| {middle['peak']:.0f} MiB |"
        )


def main() -> int:
    """Prints the table and the two goals; 1 when one of them is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--turns", type=int, default=300)
    args = parser.parse_args()
    found = asyncio.run(measure_all(args.rounds, args.turns))
    show(found)
    gain, rest = times(found, "stock", "ours"), times(found, "ours", "agents")
    print(f"\nStock costs {gain:.1f} times as much as ours (goal: at least {LEAST_GAIN:.0f}).")
    print(f"Ours costs {rest:.2f} times as much as the Agents SDK (goal: at most 1).")
    return 0 if gain >= LEAST_GAIN and rest <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
