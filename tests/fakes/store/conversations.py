"""Conversations, in memory."""

from datetime import datetime

from services.domain import (
    Conversation,
    LostState,
)


class MemoryConversations:
    """Implements ``services.ports.ConversationStore``."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}

    async def seen(self, conversation: Conversation) -> Conversation:
        known = self.conversations.get(conversation.id)
        if known is not None:
            kept = {
                name: getattr(known, name) for name in ("welcomed", "alerts_since", "alerts_by")
            }
            kept["title"] = conversation.title or known.title
            kept["with_id"] = conversation.with_id or known.with_id
            conversation = conversation.model_copy(update={**kept, "state": "active"})
        self.conversations[conversation.id] = conversation
        return conversation

    async def get(self, conversation_id: str) -> Conversation | None:
        return self.conversations.get(conversation_id)

    def _change(self, conversation_id: str, **changes: object) -> bool:
        known = self.conversations[conversation_id]
        self.conversations[conversation_id] = known.model_copy(update=changes)
        return True

    async def lost(self, conversation_id: str, state: LostState, now: datetime) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.state == state:
            return False
        welcomed = known.welcomed and state != "uninstalled"
        return self._change(conversation_id, state=state, welcomed=welcomed, updated_at=now)

    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.alerts_since is not None:
            return False
        return self._change(conversation_id, alerts_since=now, alerts_by=by, updated_at=now)

    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.alerts_since is None:
            return False
        return self._change(conversation_id, alerts_since=None, alerts_by="", updated_at=now)

    async def welcome_once(self, conversation_id: str) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.welcomed:
            return False
        self.conversations[conversation_id] = known.model_copy(update={"welcomed": True})
        return True

    async def with_alerts(self) -> list[Conversation]:
        subscribed = [
            conversation
            for conversation in self.conversations.values()
            if conversation.alerts_since
        ]
        return sorted(subscribed, key=lambda conversation: str(conversation.alerts_since))

    async def last_heard(self) -> datetime | None:
        return max(
            (conversation.updated_at for conversation in self.conversations.values()), default=None
        )
