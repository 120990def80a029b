"""People in Teams and their roles."""

from datetime import datetime
from typing import Literal

from services.domain.base import Value


class Person(Value):
    """Somebody in Teams, identified by Entra object ID and tenant; the name is for display only."""

    object_id: str
    tenant_id: str
    name: str = ""
    user_id: str = ""
    """The Bot Framework user ID ("29:…")."""


Role = Literal["viewer", "admin"]


class AdminEntry(Value):
    """A person who was granted the admin role."""

    object_id: str
    tenant_id: str
    name: str
    since: datetime
    by: str
