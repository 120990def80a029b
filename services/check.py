"""Looks at every outside system: works, or what to do."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.errors import AgentError
from services.ports import BotSignIn, Clock, CostCheck, Folder, ServerInfo, Store
from services.transports import Transports
from services.worker import reach

CLOCK_MAY_DIFFER = timedelta(seconds=60)
LEAST_FREE = 50 << 20
"""Bytes; below it the disk is said to be nearly full. ``LEAST_FREE_EMBEDDED``: with a MongoDB on it."""
LEAST_FREE_EMBEDDED = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the check."""

    system: str
    ok: bool
    text: str


class Check:
    """Tries each outside system once."""

    def __init__(
        self,
        *,
        store: Store,
        costs: CostCheck | None,
        transports: Transports,
        app_id: str | None,
        bot: BotSignIn,
        folder: Folder,
        embedded: bool,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """``embedded``: the MongoDB is one for trials, on this machine."""
        self._store = store
        self._costs = costs
        self._transports = transports
        self._app_id = app_id
        self._bot = bot
        self._folder = folder
        self._embedded = embedded
        self._timer = timer
        self._clocks: dict[str, timedelta] = {}
        """How far the clocks of others are ahead of ours."""

    async def all(self, now: datetime) -> list[Finding]:
        """MongoDB, Datadog, mail, Teams, the disk and the clock, in this order; never raises for
        an ill system.
        """
        self._clocks, began = {}, self._timer()

        def clock() -> datetime:
            return now + timedelta(seconds=self._timer() - began)

        return [
            await self._mongodb(clock),
            await self._datadog(now, clock),
            await self._mail(now),
            await self._teams(),
            await self._disk(),
            clock_finding(self._clocks),
        ]

    async def _mongodb(self, clock: Clock) -> Finding:
        try:
            server = await self._store.about()
        except AgentError as error:
            return Finding("MongoDB", ok=False, text=str(error))
        self._clocks["MongoDB"] = server.time - clock()
        return mongodb_finding(server, embedded=self._embedded)

    async def _datadog(self, now: datetime, clock: Clock) -> Finding:
        if self._costs is None:
            return Finding(
                "Datadog",
                ok=True,
                text="not set, sample costs are used. Set DATADOG_API_KEY and DATADOG_APP_KEY "
                "to read your own.",
            )
        try:
            said = " ".join(await self._costs.check(now))
            if self._costs.server_time is not None:
                self._clocks["Datadog"] = self._costs.server_time - clock()
            return Finding("Datadog", ok=True, text=said)
        except AgentError as error:
            return Finding("Datadog", ok=False, text=str(error))

    async def _mail(self, now: datetime) -> Finding:
        try:
            name = await self._transports.configured(now)
            if name == "outbox":
                return Finding(
                    "Mail",
                    ok=True,
                    text="not set, mails go to the outbox. Set SMTP_HOST to send them.",
                )
            transport = await self._transports.named(name, now)
            await reach(transport)
        except AgentError as error:
            return Finding("Mail", ok=False, text=str(error))
        said = f"signed in; mails are sent from {transport.sender}"
        warning = await self._transports.warning(now)
        return Finding("Mail", ok=True, text=f"{said}. {warning}" if warning else said)

    async def _teams(self) -> Finding:
        try:
            token = await self._bot.get()
        except AgentError as error:
            return Finding("Teams", ok=False, text=str(error))
        if token is None:
            return Finding(
                "Teams", ok=True, text="not set (local mode). Set MicrosoftAppId to use Teams."
            )
        heard = await self._store.conversations.last_heard()
        return Finding("Teams", ok=True, text=teams_text(self._app_id, heard))

    async def _disk(self) -> Finding:
        try:
            return disk_finding(await self._folder.free(), embedded=self._embedded)
        except AgentError as error:
            return Finding("Disk", ok=False, text=str(error))


def mongodb_finding(server: ServerInfo, *, embedded: bool) -> Finding:
    """Too old ones are refused at the start."""
    trial = "; it is the embedded one, for trials: set MONGO_URL for production"
    text = f"answers, version {server.version}{trial if embedded else ''}"
    return Finding("MongoDB", ok=True, text=text)


def teams_text(app_id: str | None, heard: datetime | None) -> str:
    """Whether Teams reaches the agent cannot be tried from here, only remembered."""
    if heard is not None:
        return f"signed in as app {app_id}; last heard of on {heard:%d %b %Y %H:%M} UTC"
    return (
        f"signed in as app {app_id}, and nothing has come from Teams yet. Write to the bot; if it "
        "stays silent, see that its messaging endpoint in Azure is https://<your host>/api/messages "
        "and can be reached from the internet."
    )


def disk_finding(free: int, *, embedded: bool) -> Finding:
    """``free``: bytes; ``embedded``: MongoDB keeps its data there."""
    there = f"DATA_DIR can be written, {free / (1 << 30):.1f} GiB are free"
    if free < (LEAST_FREE_EMBEDDED if embedded else LEAST_FREE):
        cure = "Make room: a full disk stops the embedded MongoDB and the outbox."
        return Finding("Disk", ok=False, text=f"{there}. {cure}")
    return Finding("Disk", ok=True, text=there)


def clock_finding(ahead: Mapping[str, timedelta]) -> Finding:
    """``ahead``: how far the clocks of others are ahead of ours."""
    for whose, by in ahead.items():
        if abs(by) > CLOCK_MAY_DIFFER:
            ours = "slow" if by > timedelta() else "fast"
            seconds = round(abs(by).total_seconds())
            return Finding(
                "Clock",
                ok=False,
                text=f"This machine's clock is {seconds:,} s {ours} against {whose}'s. Let it be "
                "set by NTP (timedatectl set-ntp true): tokens are refused and schedules slip.",
            )
    return Finding("Clock", ok=True, text=f"agrees with {' and '.join(ahead) or 'nobody asked'}")
