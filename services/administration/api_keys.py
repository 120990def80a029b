"""REST API keys: shown once, stored as a hash, compared in constant time.

The secret is 256 random bits, so a plain SHA-256 is enough: unlike a password, it cannot be guessed
from its hash. A slow password hash would let strangers use up the CPU with invalid keys.
"""

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Sequence
from datetime import datetime, timedelta

from services.administration.audit_trail import AuditTrail
from services.domain import SCOPES, Actor, ApiKey, Scope
from services.domain.errors import InvalidError, NotFoundError
from services.domain.formatting import neutral
from services.ports import ApiKeyStore

PREFIX = "cst"
ID_LENGTH = 8
KEY = re.compile(r"cst_([a-z0-9]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
MAX_NAME_LENGTH = 100
LAST_USED_PRECISION = timedelta(minutes=1)
"""The last use is only stored this precisely, so that not every request is a write."""
DUMMY_SHA256 = hashlib.sha256(b"nobody").hexdigest()
"""Compared with when there is no such key, so that the time of the comparison reveals nothing."""


class ApiKeys:
    """Creates, lists, revokes and checks keys."""

    def __init__(self, store: ApiKeyStore, audit: AuditTrail) -> None:
        self._store = store
        self._audit = audit
        self._existed = False

    async def ever_existed(self) -> bool:
        """Whether there was ever a key: after the first one, REST never returns to local mode."""
        if not self._existed:
            self._existed = await self._store.any_ever()
        return self._existed

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        actor: Actor,
        now: datetime,
        *,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key; returns what is stored and the key itself. Raises InvalidError.

        The key itself is not stored, so it must be shown now.
        """
        key_id = "".join(
            secrets.choice(string.ascii_lowercase + string.digits) for _ in range(ID_LENGTH)
        )
        secret = secrets.token_urlsafe(32)
        key = ApiKey(
            id=key_id,
            name=_name(name),
            scopes=_scopes(scopes),
            secret_sha256=_digest(secret),
            created_at=now,
            created_by=actor,
            expires_at=expires_at,
        )
        if expires_at is not None and expires_at <= now:
            raise InvalidError(
                "The expiry date is in the past, so the key would never be valid. Give a later date."
            )
        await self._store.add(key)
        facts: dict[str, object] = {"name": key.name, "scopes": list(key.scopes)}
        if expires_at is not None:
            facts["expires_at"] = expires_at
        await self._audit.record(actor, "api_key.create", key.id, now, after=facts)
        return key, f"{PREFIX}_{key_id}_{secret}"

    async def list(self) -> list[ApiKey]:
        """All keys, including revoked ones, oldest first."""
        return await self._store.list_keys()

    async def revoke(self, key_id: str, actor: Actor, now: datetime) -> ApiKey:
        """Revoke a key. Raises NotFoundError."""
        before = await self._store.get(key_id)
        if before is None:
            raise NotFoundError(f"There is no API key {neutral(key_id, 40)}. See `api-key list`.")
        key = await self._store.revoke(key_id, now)
        if key is None:
            raise NotFoundError(f"There is no API key {neutral(key_id, 40)}. See `api-key list`.")
        if before.revoked_at is None:
            facts: dict[str, object] = {"name": key.name}
            await self._audit.record(actor, "api_key.revoke", key.id, now, before=facts)
        return key

    async def find(self, text: str, now: datetime) -> ApiKey | None:
        """Find the key that ``text`` spells, even if revoked or expired; None if there is none.

        Records the use of a valid key.
        """
        match = KEY.fullmatch(text)
        key = await self._store.get(match[1]) if match else None
        expected = key.secret_sha256 if key else DUMMY_SHA256
        # In constant time: == stops at the first difference, and its time tells how far it got.
        if not hmac.compare_digest(_digest(match[2] if match else text), expected):
            return None
        if key is None or key.trouble(now) is not None:
            return key
        if key.last_used_at is None or now - key.last_used_at >= LAST_USED_PRECISION:
            await self._store.touch(key.id, now)
        return key


def _digest(secret: str) -> str:
    # Header bytes that are not UTF-8 arrive as lone surrogates, which strict UTF-8 cannot encode.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME_LENGTH or neutral(name, MAX_NAME_LENGTH) != name:
        raise InvalidError(
            f"The name must be one line of 1 to {MAX_NAME_LENGTH} visible characters, such as the "
            "name of the program that uses the key."
        )
    return name


def _scopes(names: Sequence[str]) -> tuple[Scope, ...]:
    requested = {name.strip().lower() for name in names if name.strip()}
    if requested - set(SCOPES) or not requested:
        raise InvalidError("The scopes are read and write. Give one of them, or read,write.")
    return tuple(scope for scope in SCOPES if scope in requested)
