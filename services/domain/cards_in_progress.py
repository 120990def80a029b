"""Cards that are still being updated after their turn."""

from datetime import datetime

from services.domain.base import Value


class CardInProgress(Value):
    """A card that is updated after its turn; another worker finishes it after a restart."""

    id: str
    """Made from the conversation and the message."""
    conversation_id: str
    """Includes the card's thread."""
    service_url: str
    activity_id: str
    run_id: str | None = None
    """The run whose progress it shows; None for a reply that was still being prepared."""
    last: dict[str, object] | None = None
    """Its final content, if Teams could not be reached to show it."""
    asked_by: str = ""
    owner: str = ""
    """The worker that updates it."""
    created_at: datetime
    touched_at: datetime | None = None
    """When its owner was last known to be alive."""
