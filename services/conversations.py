"""Conversations that the app is in, and those that alerts go to."""

from datetime import datetime

from services.audit import Audit
from services.errors import ConflictError
from services.model import Actor, Conversation
from services.ports import ConversationStore


class Conversations:
    """Keeps them up to date."""

    def __init__(self, store: ConversationStore, audit: Audit) -> None:
        self._store = store
        self._audit = audit

    async def seen(self, conversation: Conversation) -> Conversation:
        """Something came from it: it is active, at this address."""
        return await self._store.seen(conversation)

    async def left(self, conversation_id: str, now: datetime) -> None:
        """The app was removed from it; a new installation is welcomed again."""
        known = await self._store.get(conversation_id)
        if known is not None:
            gone = {"state": "uninstalled", "welcomed": False, "updated_at": now}
            await self._store.replace(known.model_copy(update=gone))

    async def welcome_once(self, conversation_id: str) -> bool:
        """True for the first caller only, until the app is removed."""
        return await self._store.welcome_once(conversation_id)

    async def with_alerts(self) -> list[Conversation]:
        """Those that alerts go to."""
        return await self._store.with_alerts()

    async def get(self, conversation_id: str) -> Conversation | None:
        """One of them."""
        return await self._store.get(conversation_id)

    async def register(
        self, conversation: Conversation, actor: Actor, now: datetime
    ) -> Conversation:
        """Sends alerts to a conversation from now on; one that has them stays as it is."""
        known = await self._store.get(conversation.id) or conversation
        if known.alerts_since is not None:
            return known
        changed = known.model_copy(
            update={"alerts_since": now, "alerts_by": actor.name, "updated_at": now}
        )
        await self._store.replace(changed)
        facts: dict[str, object] = {"title": changed.title, "kind": changed.kind}
        await self._audit.record(actor, "alerts.on", changed.id, now, after=facts)
        return changed

    async def stop(self, conversation_id: str, actor: Actor, now: datetime) -> Conversation:
        """Sends no more alerts there. Raises ConflictError when none are sent there."""
        known = await self._store.get(conversation_id)
        if known is None or known.alerts_since is None:
            raise ConflictError("No alerts are sent to this conversation.")
        changed = known.model_copy(
            update={"alerts_since": None, "alerts_by": "", "updated_at": now}
        )
        await self._store.replace(changed)
        facts: dict[str, object] = {"title": known.title, "kind": known.kind}
        await self._audit.record(actor, "alerts.off", known.id, now, before=facts)
        return changed
