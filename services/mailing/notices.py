"""Emails to the admins about the agent itself, stored in the ledger like any other email.

The key of a notice makes it unique: requested twice, it is sent once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.administration import Config
from services.domain import Actor, Delivery, FrozenReport, Run, RunKind, RunState, SourceName
from services.domain.addresses import address_key
from services.domain.run_states import KEEP_TRYING, run_id
from services.mailing.mime import message_id_for
from services.mailing.rendering import render_notice
from services.mailing.transports import Transports
from services.ports import DeliveryLedger, RunStore

log = structlog.get_logger()
SCHEDULER = Actor(interface="scheduler", name="notice")
"""Requests notices."""
KEY_LENGTH = 12
MAX_LINES = 20
"""Lines of one email about many things of a kind."""


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """What notices of a kind have in common, so that many of them can be one email."""

    title: str
    """The title of one."""
    title_of_many: str
    """With ``{count}``."""
    advice: tuple[str, ...]
    """Lines below those of the single notices."""
    once: bool = False
    """Once for a key; otherwise once for a key and day."""


class Notices:
    """Sends notices to the global admin addresses."""

    def __init__(
        self,
        *,
        runs: RunStore,
        ledger: DeliveryLedger,
        config: Config,
        transports: Transports,
        source: SourceName,
    ) -> None:
        self._runs = runs
        self._ledger = ledger
        self._config = config
        self._transports = transports
        self._source = source
        self._logged: set[str] = set()

    async def notify(
        self, key: str, title: str, lines: Sequence[str], now: datetime, *, once: bool = False
    ) -> None:
        """Email a notice, once for its key and day, or once for its key alone if ``once``.

        Without admin addresses it is only logged.
        """
        await self._send({key}, title, lines, now, once=once)

    async def notify_together(
        self, kind: NoticeKind, lines: Mapping[str, str], now: datetime
    ) -> None:
        """Email notices of a kind as one, without those already emailed; ``lines``: by key."""
        new = {
            key: line
            for key, line in lines.items()
            if await self._runs.get(self._id(key, now, once=kind.once)) is None
        }
        shown = list(new.values())[:MAX_LINES]
        if more := len(new) - len(shown):
            shown.append(f"And {more:,} more.")
        title = kind.title if len(new) == 1 else kind.title_of_many.format(count=len(new))
        await self._send(set(new), title, [*shown, *kind.advice], now, once=kind.once)

    async def _send(
        self, keys: set[str], title: str, lines: Sequence[str], now: datetime, *, once: bool
    ) -> None:
        """Email a notice that stands for all keys; does nothing if it was emailed before."""
        first, *others = sorted(self._id(key, now, once=once) for key in keys) or [""]
        if not first or await self._runs.get(first) is not None:
            return
        if first not in self._logged:
            log.warning("admins_notified", title=title, keys=sorted(keys)[:MAX_LINES])
            self._logged.add(first)
        addresses = (await self._config.stored(now)).global_admin_emails
        if not addresses:
            return
        transport = await self._transports.choose(now)
        sender = (await self._transports.named(transport, now)).sender
        run = self._run(first, transport, now)
        report = FrozenReport(
            id=f"{run.id}|notice",
            run_id=run.id,
            kind="notice",
            source=self._source,
            made_at=now,
            rendered=render_notice(title, lines),
            preview={},
        )
        # The run last: a run that is seen without its deliveries would be closed as finished.
        await self._runs.freeze([report])
        await self._ledger.plan([_delivery(run, report, address, sender) for address in addresses])
        await self._runs.begin(run)
        # After it: a worker that dies in between has them emailed again, not never.
        for notice_id in others:
            settled = {"state": RunState.DONE, "finished_at": now}
            await self._runs.begin(self._run(notice_id, transport, now).model_copy(update=settled))

    def _id(self, key: str, now: datetime, *, once: bool) -> str:
        name = hashlib.sha256(key.encode()).hexdigest()[:KEY_LENGTH]
        period = f"once-{name}" if once else f"{now.date().isoformat()}-{name}"
        return run_id(self._source, RunKind.NOTICE, period)

    def _run(self, notice_id: str, transport: str, now: datetime) -> Run:
        return Run(
            id=notice_id,
            kind=RunKind.NOTICE,
            source=self._source,
            period=notice_id.rpartition(":")[2],
            planned=True,
            transport=transport,
            requested_by=SCHEDULER,
            created_at=now,
            not_after=now + KEEP_TRYING,
        )


def _delivery(run: Run, report: FrozenReport, recipient: str, sender: str) -> Delivery:
    at = run.created_at.replace(microsecond=0)
    domain = sender.rpartition("@")[2]
    return Delivery(
        id=f"{report.id}|mail|{address_key(recipient)}",
        run_id=run.id,
        report_id=report.id,
        source=run.source,
        recipient=recipient,
        not_before=at,
        not_after=run.not_after,
        message_id=message_id_for(run.id, report.id, recipient, domain),
        date=at,
        updated_at=at,
    )
