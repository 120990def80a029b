"""Everything that identifies a person in stored data."""

from services.domain.base import Value


class Identity(Value):
    """The addresses, IDs and names of one person."""

    addresses: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    """Entra object IDs, and the IDs of the person's personal chats."""
    names: tuple[str, ...] = ()
