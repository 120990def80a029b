"""What the handlers of commands and buttons use."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from bot.files import Files
from bot.people import People
from services.application import Application
from services.domain import Conversation
from services.ports import PendingImportStore


class TestPoster(Protocol):
    """Posts a message that is not a reply to a turn."""

    async def test(self, conversation: Conversation) -> None:
        """Post a message saying that alerts reach the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class Chat:
    """The use cases, and what is specific to Teams."""

    app: Application
    people: People
    files: Files
    pending_imports: PendingImportStore
    poster: TestPoster
    start: Callable[[str, Coroutine[Any, Any, None]], object]
    """Start work in the background."""

    @property
    def sample(self) -> bool:
        return self.app.context.source.is_sample
