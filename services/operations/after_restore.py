"""Makes a restored database safe: nothing that may have been sent after the backup is sent again.

Open runs are closed, the fate of their unfinished deliveries counts as unknown, and the scheduler
skips all slots before now. Admins can still send what is missing with retry.
"""

from dataclasses import dataclass
from datetime import datetime

from services.administration import AuditTrail
from services.domain import Actor
from services.domain.errors import ConflictError
from services.ports import ConfigStore, RestoredStore
from services.runtime.compare_and_set import compare_and_set

ERROR = (
    "The database was restored from a backup in which this was still open, so it may have been "
    "sent since. Retry to send it."
)


@dataclass(frozen=True, slots=True)
class Settled:
    """How many open runs and unfinished deliveries were closed."""

    runs: int
    deliveries: int


class AfterRestore:
    """Prepares a restored database for the start of the agent."""

    def __init__(self, store: RestoredStore, config: ConfigStore, audit: AuditTrail) -> None:
        self._store = store
        self._config = config
        self._audit = audit

    async def settle(self, actor: Actor, now: datetime) -> Settled:
        """Close what is open. May be repeated.

        Raises ConflictError if other writers keep changing the settings.
        """
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
