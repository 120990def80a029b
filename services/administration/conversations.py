"""Conversations that the app is in, and those that alerts go to."""

from datetime import datetime

from services.administration.audit_trail import AuditTrail
from services.domain import Actor, Conversation
from services.domain.errors import ConflictError
from services.ports import ConversationStore


class Conversations:
    """Keeps them up to date."""

    def __init__(self, store: ConversationStore, audit: AuditTrail) -> None:
        self._store = store
        self._audit = audit

    async def seen(self, conversation: Conversation) -> Conversation:
        """Something came from it: it is active, at this address."""
        return await self._store.seen(conversation)

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
        if await self._store.alerts_on(conversation.id, actor.name, now):
            facts: dict[str, object] = {"title": conversation.title, "kind": conversation.kind}
            await self._audit.record(actor, "alerts.on", conversation.id, now, after=facts)
        return await self._store.get(conversation.id) or conversation

    async def stop(self, conversation: Conversation, actor: Actor, now: datetime) -> None:
        """Sends no more alerts there. Raises ConflictError when none are sent there."""
        if not await self._store.alerts_off(conversation.id, now):
            raise ConflictError("No alerts are sent to this conversation.")
        facts: dict[str, object] = {"title": conversation.title, "kind": conversation.kind}
        await self._audit.record(actor, "alerts.off", conversation.id, now, before=facts)
