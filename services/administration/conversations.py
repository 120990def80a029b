"""Conversations that the app is installed in, and their alerts."""

from datetime import datetime

from services.administration.audit_trail import AuditTrail
from services.domain import Actor, Conversation
from services.domain.errors import ConflictError
from services.ports import ConversationStore


class Conversations:
    """Registers conversations, and turns alerts on and off."""

    def __init__(self, store: ConversationStore, audit: AuditTrail) -> None:
        self._store = store
        self._audit = audit

    async def seen(self, conversation: Conversation) -> Conversation:
        """Record activity: the conversation is active, at this address."""
        return await self._store.seen(conversation)

    async def welcome_once(self, conversation_id: str) -> bool:
        """True for the first caller only, until the app is removed."""
        return await self._store.welcome_once(conversation_id)

    async def with_alerts(self) -> list[Conversation]:
        """Conversations with alerts turned on."""
        return await self._store.with_alerts()

    async def get(self, conversation_id: str) -> Conversation | None:
        """Return a conversation; None if it is unknown."""
        return await self._store.get(conversation_id)

    async def register(
        self, conversation: Conversation, actor: Actor, now: datetime
    ) -> Conversation:
        """Turn alerts on; does nothing if they are on already."""
        if await self._store.alerts_on(conversation.id, actor.name, now):
            facts: dict[str, object] = {"title": conversation.title, "kind": conversation.kind}
            await self._audit.record(actor, "alerts.on", conversation.id, now, after=facts)
        return await self._store.get(conversation.id) or conversation

    async def stop(self, conversation: Conversation, actor: Actor, now: datetime) -> None:
        """Turn alerts off. Raises ConflictError if they are off already."""
        if not await self._store.alerts_off(conversation.id, now):
            raise ConflictError("Alerts are already off in this conversation.")
        facts: dict[str, object] = {"title": conversation.title, "kind": conversation.kind}
        await self._audit.record(actor, "alerts.off", conversation.id, now, before=facts)
