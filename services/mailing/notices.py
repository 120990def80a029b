"""Emails to the admins about the agent itself, stored in the ledger like any other email.

The key of a notice makes it unique: requested twice, it is sent once.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import structlog

from services.administration import Config
from services.domain import Actor, Delivery, FrozenReport, Run, RunKind, SourceName
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
        name = hashlib.sha256(key.encode()).hexdigest()[:KEY_LENGTH]
        period = f"once-{name}" if once else f"{now.date().isoformat()}-{name}"
        notice_id = run_id(self._source, RunKind.NOTICE, period)
        if await self._runs.get(notice_id) is not None:
            return
        if key not in self._logged:
            log.warning("admins_notified", title=title, key=key)
            self._logged.add(key)
        addresses = (await self._config.stored(now)).global_admin_emails
        if not addresses:
            return
        transport = await self._transports.choose(now)
        sender = (await self._transports.named(transport, now)).sender
        run = self._run(notice_id, period, transport, now)
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

    def _run(self, notice_id: str, period: str, transport: str, now: datetime) -> Run:
        return Run(
            id=notice_id,
            kind=RunKind.NOTICE,
            source=self._source,
            period=period,
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
