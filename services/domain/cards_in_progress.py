"""Cards that change after their turn."""

from datetime import datetime

from services.domain.base import Value


class CardInProgress(Value):
    """A card that changes after its turn; it is finished even after a restart."""

    id: str
    """Conversation and message."""
    conversation_id: str
    """With the thread that the card is in."""
    service_url: str
    activity_id: str
    run_id: str | None = None
    """The run whose progress it shows; None for an answer that was being worked on."""
    last: dict[str, object] | None = None
    """Its final content, when Teams could not be reached to show it."""
    asked_by: str = ""
    owner: str = ""
    """The worker that keeps it current."""
    created_at: datetime
    touched_at: datetime | None = None
    """When its owner was last known to be alive."""
