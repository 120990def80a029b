"""Floors of accounts: excess below which nothing is told, raised from a card that was too small.

A floor only ever hides more than the smallest increase that holds for all. It is offered with what
it would have done to the last alerts of the account, stored with who has set it, and undone from
the card or the history.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.administration.audit_trail import AuditTrail, new_entry_id
from services.administration.config import Config
from services.analysis.quiet import ALERTS_COUNTED, next_minimum, notified
from services.domain import Actor, AlertMinimum, AlertMinimumOffer, Anomaly, AuditEntry, SourceName
from services.domain.errors import ConflictError, InvalidError
from services.domain.formatting import day, money
from services.ports import AlertMinimumStore, AnomalyStore

RAISE = "floor.change"
LOOKED_AT = 30
HIGHEST = Decimal(1_000_000_000)


class AlertMinimums:
    """Keeps the floors of one source."""

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
        """The floors of these accounts that have one."""
        return await self._store.of(self._source, accounts)

    async def offer(self, anomaly: Anomaly, now: datetime) -> AlertMinimumOffer | None:
        """The next floor that would have kept an anomaly quiet; None when one does already."""
        current = await self._current(anomaly.account_id, now)
        amount = next_minimum(anomaly.excess, current)
        if amount is None:
            return None
        newest = await self._anomalies.newest(self._source, [anomaly.account_id], LOOKED_AT)
        alerts = notified(newest)[:ALERTS_COUNTED]
        return AlertMinimumOffer(
            current=current,
            amount=amount,
            hidden=sum(one.excess < amount for one in alerts),
            alerts=len(alerts),
        )

    async def _current(self, account: str, now: datetime) -> Decimal:
        least = Decimal(repr((await self._config.stored(now)).min_increase))
        own = (await self.of_accounts([account])).get(account)
        return max(least, own.amount) if own else least

    async def raise_to(
        self, anomaly: Anomaly, amount: Decimal, actor: Actor, now: datetime
    ) -> AlertMinimum:
        """Stores a higher floor of an anomaly's account, once.

        The same amount again changes nothing. Raises InvalidError for what is no amount, and
        ConflictError when the anomaly is not too small any more, or a higher floor holds.
        """
        if not 0 < amount <= HIGHEST:
            raise InvalidError("The floor must be an amount above 0.")
        account = anomaly.account_id
        known = (await self.of_accounts([account])).get(account)
        if known is not None and known.amount == amount:
            return known
        if anomaly.status != "too_small":
            raise ConflictError(
                "The floor was not raised: this anomaly is not too small any more. "
                "Say so first, then the floor is offered again."
            )
        if amount <= await self._current(account, now):
            raise ConflictError(self._higher(known, anomaly.currency))
        floor = AlertMinimum(
            account_id=account,
            source=self._source,
            amount=amount,
            by=actor.name,
            at=now,
            entry=new_entry_id(),
        )
        if not await self._store.replace(self._source, account, floor, known):
            raise ConflictError("Somebody else is changing this floor at this moment. Try again.")
        await self._record(actor, known, floor, account, now)
        return floor

    @staticmethod
    def _higher(known: AlertMinimum | None, currency: str) -> str:
        if known is None:
            return "The smallest increase for all accounts is as high already. See `threshold`."
        return (
            f"{known.by} has set the floor to {money(known.amount, currency)} already "
            f"({day(known.at.date())}). Nothing was changed."
        )

    async def restore(self, entry: AuditEntry, actor: Actor, now: datetime) -> None:
        """Takes a change of a floor back. ConflictError when it was changed again since."""
        account = entry.subject
        known = (await self.of_accounts([account])).get(account)
        after = _floor(account, self._source, entry.after or {}, "")
        if (known and known.amount) != (after and after.amount):
            raise ConflictError(
                "It was changed again since, so it cannot be undone. See `history`."
            )
        back = _floor(account, self._source, entry.before or {}, new_entry_id())
        if not await self._store.replace(self._source, account, back, known):
            raise ConflictError("Somebody else is changing this floor at this moment. Try again.")
        await self._record(actor, known, back, account, now)

    async def _record(
        self,
        actor: Actor,
        was: AlertMinimum | None,
        floor: AlertMinimum | None,
        account: str,
        now: datetime,
    ) -> None:
        await self._audit.record(
            actor,
            RAISE,
            account,
            now,
            before=_facts(was),
            after=_facts(floor),
            entry_id=floor.entry if floor else None,
        )


def _facts(floor: AlertMinimum | None) -> dict[str, object]:
    if floor is None:
        return {"floor": None}
    return {
        "floor": f"{floor.amount:f}",
        "by": floor.by,
        "at": floor.at.isoformat(),
    }


def _floor(
    account: str, source: SourceName, facts: Mapping[str, Any], entry: str
) -> AlertMinimum | None:
    """The floor that ``_facts`` told of."""
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
