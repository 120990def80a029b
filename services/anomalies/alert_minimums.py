"""Alert minimums: the excess that an anomaly of an account must reach before anybody is alerted.

An account's own minimum can only be higher than the minimum increase that applies to all accounts.
It is offered after somebody has answered "too small", together with how many of the account's last
alerts it would have suppressed, and can be undone from the card or the history.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.administration import AuditTrail, Config, new_entry_id
from services.analysis.suppression import ALERTS_COUNTED, next_minimum, notified
from services.domain import Actor, AlertMinimum, AlertMinimumOffer, Anomaly, AuditEntry, SourceName
from services.domain.errors import ConflictError, InvalidError
from services.domain.formatting import day, money
from services.ports import AlertMinimumStore, AnomalyStore

CHANGE_MINIMUM = "floor.change"
"""The action in the audit trail; stored entries have this name."""
MAX_ANOMALIES_READ = 30
MAX_AMOUNT = Decimal(1_000_000_000)
IN_PROGRESS = "Somebody else is changing this alert minimum right now. Try again."


class AlertMinimums:
    """Stores and offers the alert minimums of one source."""

    def __init__(
        self,
        store: AlertMinimumStore,
        anomalies: AnomalyStore,
        config: Config,
        audit: AuditTrail,
        source: SourceName,
    ) -> None:
        self._store = store
        self._anomalies = anomalies
        self._config = config
        self._audit = audit
        self._source = source

    async def of_accounts(self, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        """Return the alert minimums of those accounts that have one."""
        return await self._store.of(self._source, accounts)

    async def offer(self, anomaly: Anomaly, now: datetime) -> AlertMinimumOffer | None:
        """Offer the next minimum that would have suppressed an anomaly; None when one already does."""
        current = await self._current(anomaly.account_id, now)
        amount = next_minimum(anomaly.excess, current)
        if amount is None:
            return None
        newest = await self._anomalies.newest(
            self._source, [anomaly.account_id], MAX_ANOMALIES_READ
        )
        alerts = notified(newest)[:ALERTS_COUNTED]
        return AlertMinimumOffer(
            current=current,
            amount=amount,
            hidden=sum(alert.excess < amount for alert in alerts),
            alerts=len(alerts),
        )

    async def _current(self, account: str, now: datetime) -> Decimal:
        for_all = Decimal(repr((await self._config.stored(now)).min_increase))
        own = (await self.of_accounts([account])).get(account)
        return max(for_all, own.amount) if own else for_all

    async def raise_to(
        self, anomaly: Anomaly, amount: Decimal, actor: Actor, now: datetime
    ) -> AlertMinimum:
        """Raise the alert minimum of an anomaly's account.

        Repeating the same amount changes nothing. Raises InvalidError for an amount out of range,
        and ConflictError when the anomaly is no longer too small, or a higher minimum applies.
        """
        if not 0 < amount <= MAX_AMOUNT:
            raise InvalidError("The alert minimum must be an amount above 0.")
        account = anomaly.account_id
        current = (await self.of_accounts([account])).get(account)
        if current is not None and current.amount == amount:
            return current
        if anomaly.status != "too_small":
            raise ConflictError(
                "The alert minimum was not raised: this anomaly is no longer marked as too small. "
                "Answer Too small again first; the higher minimum is then offered again."
            )
        if amount <= await self._current(account, now):
            raise ConflictError(self._already_as_high(current, anomaly.currency))
        minimum = AlertMinimum(
            account_id=account,
            source=self._source,
            amount=amount,
            by=actor.name,
            at=now,
            entry=new_entry_id(),
        )
        if not await self._store.replace(self._source, account, minimum, current):
            raise ConflictError(IN_PROGRESS)
        await self._record(actor, current, minimum, account, now)
        return minimum

    @staticmethod
    def _already_as_high(current: AlertMinimum | None, currency: str) -> str:
        if current is None:
            return (
                "The minimum increase for all accounts is already as high. Nothing was changed. "
                "See `threshold`."
            )
        return (
            f"{current.by} already set the alert minimum to {money(current.amount, currency)} "
            f"({day(current.at.date())}). Nothing was changed."
        )

    async def undo(self, entry: AuditEntry, actor: Actor, now: datetime) -> None:
        """Undo a change of an alert minimum. Raises ConflictError when it has changed since."""
        account = entry.subject
        current = (await self.of_accounts([account])).get(account)
        after = _from_facts(account, self._source, entry.after or {}, "")
        if (current and current.amount) != (after and after.amount):
            raise ConflictError(
                "The alert minimum has been changed since, so this cannot be undone. See `history`."
            )
        earlier = _from_facts(account, self._source, entry.before or {}, new_entry_id())
        if not await self._store.replace(self._source, account, earlier, current):
            raise ConflictError(IN_PROGRESS)
        await self._record(actor, current, earlier, account, now)

    async def _record(
        self,
        actor: Actor,
        before: AlertMinimum | None,
        after: AlertMinimum | None,
        account: str,
        now: datetime,
    ) -> None:
        await self._audit.record(
            actor,
            CHANGE_MINIMUM,
            account,
            now,
            before=_facts(before),
            after=_facts(after),
            entry_id=after.entry if after else None,
        )


def _facts(minimum: AlertMinimum | None) -> dict[str, object]:
    """What an audit entry stores; stored entries call the amount ``floor``."""
    if minimum is None:
        return {"floor": None}
    return {
        "floor": f"{minimum.amount:f}",
        "by": minimum.by,
        "at": minimum.at.isoformat(),
    }


def _from_facts(
    account: str, source: SourceName, facts: Mapping[str, Any], entry: str
) -> AlertMinimum | None:
    """Rebuild an alert minimum from ``_facts``."""
    if facts.get("floor") is None:
        return None
    return AlertMinimum(
        account_id=account,
        source=source,
        amount=Decimal(str(facts["floor"])),
        by=str(facts["by"]),
        at=datetime.fromisoformat(str(facts["at"])),
        entry=entry,
    )
