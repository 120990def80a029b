"""Diagnostics: checks that every external system works, and says what to do if not."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.domain import RunKind
from services.domain.errors import AgentError
from services.mailing import Transports, preflight
from services.operations.checkup import Checkup, Finding
from services.ports import AccessTokens, Clock, CostSource, Folder, Store
from services.runtime.context import Pacing
from services.runtime.server_clock import skew_problem
from services.teams import namesakes

MAX_CLOCK_DIFFERENCE = timedelta(seconds=60)
LOOK_AGAIN_AFTER = timedelta(minutes=5)
"""A system that did not work is looked at again, when somebody asks for the status."""
MAX_NAMESAKES = 20
MIN_FREE_BYTES = 50 << 20
MIN_FREE_BYTES_EMBEDDED = 1 << 30
"""With the embedded MongoDB on the same disk."""


class Diagnostics:
    """Checks each external system once."""

    def __init__(
        self,
        *,
        store: Store,
        costs: CostSource,
        transports: Transports,
        app_id: str | None,
        bot_tokens: AccessTokens | None,
        folder: Folder,
        embedded: bool,
        pacing: Pacing,
    ) -> None:
        """``bot_tokens``: None in local mode; ``embedded``: MongoDB is the embedded one."""
        self._store = store
        self._costs = costs
        self._transports = transports
        self._app_id = app_id
        self._bot_tokens = bot_tokens
        self._folder = folder
        self._embedded = embedded
        self._timer = pacing.timer
        self._skew = pacing.skew
        self._clocks: dict[str, timedelta] = {}
        """How far each system's clock is ahead of this machine's."""
        self.latest: Checkup | None = None
        """The newest look of this process at everything; None before the first."""

    async def look(self, now: datetime) -> None:
        """Check everything, for ``latest``."""
        self.latest = await self.check(now)

    async def look_again(self, now: datetime) -> None:
        """The same, when something did not work a while ago and may work again."""
        latest = self.latest
        if latest is None or all(finding.ok for finding in latest.findings):
            return
        if now - latest.at >= LOOK_AGAIN_AFTER:
            await self.look(now)

    async def check(self, now: datetime) -> Checkup:
        """Check MongoDB, the cost source, email, Teams, the disk and the clock, in this order.

        Last come the names that several teams have, if any. A failing system is a finding, and the
        others are still checked.
        """
        self._clocks, began = {}, self._timer()

        def clock() -> datetime:
            # ``now`` is MongoDB's time, and this is the time of this machine.
            return now + self._skew() + timedelta(seconds=self._timer() - began)

        return Checkup(
            at=now,
            mongodb=await self._mongodb(),
            costs=await self._cost_source(now, clock),
            email=await self._mail(now),
            teams=await self._teams(),
            disk=await self._disk(),
            clock=clock_finding(self._clocks, self._skew()),
            names=tuple(await self._names()),
        )

    async def _mongodb(self) -> Finding:
        try:
            version = await self._store.server_version()
        except AgentError as error:
            return Finding("MongoDB", ok=False, text=str(error))
        self._clocks["MongoDB"] = -self._skew()
        return mongodb_finding(version, embedded=self._embedded)

    async def _cost_source(self, now: datetime, clock: Clock) -> Finding:
        title = self._costs.description.title
        system = title[:1].upper() + title[1:]
        try:
            text = await self._costs.check(now)
        except AgentError as error:
            return Finding(system, ok=False, text=str(error))
        if self._costs.server_time is not None:
            self._clocks[system] = self._costs.server_time - clock()
        return Finding(system, ok=True, text=text)

    async def _mail(self, now: datetime) -> Finding:
        try:
            name = await self._transports.configured(now)
            if name == "outbox":
                return Finding(
                    "Email",
                    ok=True,
                    text="not set, emails go to the outbox. Set SMTP_HOST to send them.",
                )
            transport = await self._transports.named(name, now)
            await preflight(transport)
            waiting = await self._waiting_emails()
        except AgentError as error:
            return Finding("Email", ok=False, text=str(error))
        if waiting:
            return Finding("Email", ok=False, text=f"signed in, but {waiting}")
        text = f"signed in; emails are sent from {transport.sender}"
        warning = await self._transports.warning(now)
        return Finding("Email", ok=True, text=f"{text}. {warning}" if warning else text)

    async def _waiting_emails(self) -> str:
        """Why the emails of an open run wait; empty when none do.

        Signing in does not show everything: Exchange refuses a sender only after the body.
        """
        source = self._costs.description.name
        for run in await self._store.runs.list_runs(source, open_only=True):
            if run.planned and run.last_error and run.kind is not RunKind.DAILY:
                return f"the emails of {run.period} are waiting. {run.last_error}"
        return ""

    async def _teams(self) -> Finding:
        if self._bot_tokens is None:
            return Finding(
                "Teams", ok=True, text="not set (local mode). Set MicrosoftAppId to use Teams."
            )
        try:
            await self._bot_tokens.get()
        except AgentError as error:
            return Finding("Teams", ok=False, text=str(error))
        last_heard_at = await self._store.conversations.last_heard()
        return Finding("Teams", ok=True, text=teams_text(self._app_id, last_heard_at))

    async def _disk(self) -> Finding:
        try:
            return disk_finding(await self._folder.free(), embedded=self._embedded)
        except AgentError as error:
            return Finding("Disk", ok=False, text=str(error))

    async def _names(self) -> list[Finding]:
        """The names that several teams have: a nuisance, but nothing fails."""
        try:
            teams = await self._store.teams.list_teams(sample=False)
        except AgentError:
            return []  # the finding about MongoDB says why
        return [
            Finding("Team names", ok=True, text=same.advice)
            for same in namesakes(teams)[:MAX_NAMESAKES]
        ]


def mongodb_finding(version: str, *, embedded: bool) -> Finding:
    """Always OK: a server that is too old is refused before this."""
    trial = "; it is the embedded one, for trials: set MONGO_URL for production"
    text = f"answers, version {version}{trial if embedded else ''}"
    return Finding("MongoDB", ok=True, text=text)


def teams_text(app_id: str | None, last_heard_at: datetime | None) -> str:
    """Say when Teams last reached the agent; that direction cannot be tested from here."""
    if last_heard_at is not None:
        return f"signed in as app {app_id}; last heard from on {last_heard_at:%d %b %Y %H:%M} UTC"
    return (
        f"signed in as app {app_id}, and nothing has come from Teams yet. Write to the bot; if it "
        "stays silent, check that its messaging endpoint in Azure is "
        "https://<your host>/api/messages and can be reached from the internet."
    )


def disk_finding(free_bytes: int, *, embedded: bool) -> Finding:
    """``embedded``: MongoDB stores its data on this disk too."""
    text = f"DATA_DIR can be written, {free_bytes / (1 << 30):.1f} GiB are free"
    if free_bytes < (MIN_FREE_BYTES_EMBEDDED if embedded else MIN_FREE_BYTES):
        fix = "Make room: a full disk stops the embedded MongoDB and the outbox."
        return Finding("Disk", ok=False, text=f"{text}. {fix}")
    return Finding("Disk", ok=True, text=text)


def clock_finding(ahead: Mapping[str, timedelta], skew: timedelta) -> Finding:
    """``ahead``: how far each system's clock is ahead of this machine's; ``skew``: see Pacing."""
    problem = skew_problem(skew)
    if problem is not None:
        return Finding("Clock", ok=False, text=problem)
    for system, difference in ahead.items():
        if abs(difference) > MAX_CLOCK_DIFFERENCE:
            relation = "behind" if difference > timedelta() else "ahead of"
            seconds = round(abs(difference).total_seconds())
            return Finding(
                "Clock",
                ok=False,
                text=f"This machine's clock is {seconds:,} s {relation} {system}'s. Let NTP "
                "set it (timedatectl set-ntp true): tokens may be refused.",
            )
    systems = " and ".join(ahead)
    text = f"agrees with {systems}" if systems else "could not be compared with any other"
    return Finding("Clock", ok=True, text=text)
