"""A notifier in memory with faults to inject."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.domain import AlertContent, Conversation, PostedMessage
from services.ports import Departure


@dataclass
class MemoryNotifier:
    """Implements ``services.ports.Notifier``; errors are used up one by one."""

    on_post: list[Exception] = field(default_factory=list)
    on_update: list[Exception] = field(default_factory=list)
    before_leaving: Callable[[], Awaitable[None]] | None = None
    """While a message waits for its turn."""
    before_post: Callable[[], None] = lambda: None
    posts: list[tuple[str, AlertContent]] = field(default_factory=list)
    """(conversation, content) of every message that is shown."""
    updates: list[tuple[str, AlertContent]] = field(default_factory=list)
    """(message, content)"""
    replies: list[tuple[str, str]] = field(default_factory=list)

    async def post(
        self, conversation: Conversation, news: AlertContent, departure: Departure
    ) -> PostedMessage:
        if self.before_leaving is not None:
            await self.before_leaving()
        await departure.leave()
        self.before_post()
        if self.on_post:
            raise self.on_post.pop(0)
        self.posts.append((conversation.id, news))
        return PostedMessage(f"m{len(self.posts)}", conversation.id)

    async def update(
        self, conversation: Conversation, message: PostedMessage, news: AlertContent
    ) -> None:
        if self.on_update:
            raise self.on_update.pop(0)
        self.updates.append((message.activity_id, news))

    async def reply(self, conversation: Conversation, message: PostedMessage, words: str) -> None:
        self.replies.append((message.activity_id, words))
