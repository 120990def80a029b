"""After a restore: nothing that may have been mailed since the backup is mailed again by itself.

Runs that were open in the backup are closed, their undecided mails count as of unknown fate, and
slots before now are not the clock's any more. Whatever was not sent is sent on request.
"""

from dataclasses import dataclass
from datetime import datetime

from services.administration.audit_trail import AuditTrail
from services.domain import Actor
from services.domain.errors import ConflictError
from services.ports import ConfigStore, RestoredStore
from services.runtime.compare_and_set import compare_and_set

ERROR = (
    "The database was restored from a backup in which this was still open: it may have been sent "
    "since. Retry sends it."
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What was closed."""

    runs: int
    deliveries: int


class AfterRestore:
    """Makes a restored database safe to start on."""

    def __init__(self, store: RestoredStore, config: ConfigStore, audit: AuditTrail) -> None:
        self._store = store
        self._config = config
        self._audit = audit

    async def settle(self, actor: Actor, now: datetime) -> Settled:
        """May be repeated. Raises ConflictError while somebody changes the settings all the time."""
        await self._forget_slots(now)
        runs, deliveries = await self._store.settle_open(ERROR, now)
        facts: dict[str, object] = {"runs": runs, "deliveries": deliveries}
        await self._audit.record(actor, "restore.settle", "runs", now, after=facts)
        return Settled(runs, deliveries)

    async def _forget_slots(self, now: datetime) -> None:
        async def attempt() -> bool | None:
            config = await self._config.get(now)
            update = {"schedule_since": now, "owed": (), "version": config.version + 1}
            return await self._config.replace(config.model_copy(update=update)) or None

        await compare_and_set(
            attempt, ConflictError("The settings are being changed by somebody else. Try again.")
        )
