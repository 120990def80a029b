"""Administration: who may do what, what is configured, and who changed it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.administration.access_tokens import (
    KeysUnavailableError,
    SigningKeys,
    TokenRefusedError,
    verify_token,
)
from services.administration.api_keys import PREFIX, ApiKeys
from services.administration.audit_trail import AuditTrail, new_entry_id
from services.administration.config import SCHEDULE, Config
from services.administration.config_fields import (
    MAX_AMOUNT,
    MAX_HOUR,
    MAX_PORT,
    MAX_TEXT_LENGTH,
    ConfigPatch,
    Host,
    Hour,
    Money,
    Port,
    Secret,
    Sender,
    Text,
    Weekday,
    Zone,
)
from services.administration.conversations import Conversations
from services.administration.roles import Roles
from services.administration.undo import UndoChange, check_unchanged
from services.ports import SecretBox, Store
from services.settings import SmtpSettings

__all__ = [
    "MAX_AMOUNT",
    "MAX_HOUR",
    "MAX_PORT",
    "MAX_TEXT_LENGTH",
    "PREFIX",
    "SCHEDULE",
    "Administration",
    "ApiKeys",
    "AuditTrail",
    "Config",
    "ConfigPatch",
    "Conversations",
    "Host",
    "Hour",
    "KeysUnavailableError",
    "Money",
    "Port",
    "Roles",
    "Secret",
    "Sender",
    "SigningKeys",
    "Text",
    "TokenRefusedError",
    "UndoChange",
    "Weekday",
    "Zone",
    "build",
    "check_unchanged",
    "new_entry_id",
    "verify_token",
]


@dataclass(frozen=True, slots=True)
class Administration:
    """The face of the package."""

    audit_trail: AuditTrail
    config: Config
    roles: Roles
    api_keys: ApiKeys
    conversations: Conversations


def build(
    store: Store,
    secrets: SecretBox,
    smtp: SmtpSettings,
    admin_ids: Sequence[str],
    *,
    local: bool,
) -> Administration:
    """Build the face; ``smtp`` comes from the environment, and stored config overrides it."""
    audit_trail = AuditTrail(store.audit_entries)
    return Administration(
        audit_trail=audit_trail,
        config=Config(store.config, audit_trail, secrets, smtp),
        roles=Roles(store.admins, audit_trail, admin_ids, local=local),
        api_keys=ApiKeys(store.api_keys, audit_trail),
        conversations=Conversations(store.conversations, audit_trail),
    )
