"""Who may use the app, and as what."""

from datetime import datetime
from typing import Literal

from services.domain.base import Value


class Person(Value):
    """Somebody in Teams, known by Entra object id and tenant; the name is for reading only."""

    object_id: str
    tenant_id: str
    name: str = ""
    user_id: str = ""
    """The id by which the channel knows the person ("29:…")."""


Role = Literal["viewer", "admin"]


class AdminEntry(Value):
    """Somebody who was made an admin."""

    object_id: str
    tenant_id: str
    name: str
    since: datetime
    by: str
