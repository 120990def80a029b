"""What a person is known by."""

from services.domain.base import Value


class Identity(Value):
    """All that a person is known by."""

    addresses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    """Entra object ids, and ids of chats of the person's own."""
    names: tuple[str, ...] = ()
