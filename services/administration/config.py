"""Changes the stored settings: partial updates, validated as a whole, audited without secrets."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import SecretStr

from services.administration.audit_trail import AuditTrail
from services.administration.config_fields import valid_changes
from services.administration.undo import check_unchanged
from services.domain import Actor, AuditEntry, StoredConfig
from services.domain.addresses import is_loopback
from services.domain.errors import ConflictError, InvalidError
from services.domain.schedule import rescheduled
from services.ports import ConfigStore, SecretBox
from services.runtime.compare_and_set import compare_and_set
from services.settings import SmtpSettings

SCHEDULE = {"schedule_day", "schedule_hour", "schedule_timezone"}


class Config:
    """The stored settings of the agent."""

    def __init__(
        self, store: ConfigStore, audit: AuditTrail, box: SecretBox, environment: SmtpSettings
    ) -> None:
        self._store = store
        self._audit = audit
        self._box = box
        self._environment = environment

    async def stored(self, now: datetime) -> StoredConfig:
        return await self._store.get(now)

    async def view(self, now: datetime) -> dict[str, object]:
        """The settings without the password, as every user may see them."""
        return _view(await self.stored(now))

    async def change(
        self,
        body: Mapping[str, Any] | Callable[[StoredConfig], Mapping[str, Any]],
        actor: Actor,
        now: datetime,
        *,
        entry_id: str | None = None,
    ) -> dict[str, object]:
        """Change the given fields. Raises InvalidError, which names each invalid field.

        ``body`` can be a function of the stored settings, so that it sees those that it changes.
        ``entry_id``: ID of the change in the audit trail.
        """

        async def attempt() -> dict[str, object] | None:
            before = await self.stored(now)
            changes = valid_changes(body(before) if callable(body) else body)
            after = self._changed(before, changes, now)
            self.smtp_settings(after)
            if after == before:
                return _view(before)
            next_version = after.model_copy(update={"version": before.version + 1})
            if not await self._store.replace(next_version):
                return None
            await self._record(actor, before, after, changes, now, entry_id)
            return _view(after)

        return await compare_and_set(
            attempt, ConflictError("The settings are being changed by somebody else. Try again.")
        )

    async def undo(self, entry: AuditEntry, actor: Actor, now: datetime) -> None:
        """Undo a change of the settings. Raises ConflictError when they have changed since."""
        check_unchanged(await self.view(now), entry)
        await self.change(entry.before or {}, actor, now)

    def _changed(
        self, before: StoredConfig, changes: Mapping[str, Any], now: datetime
    ) -> StoredConfig:
        update = dict(changes)
        password = update.pop("smtp_password", None)
        if "smtp_password" in changes:
            update["smtp_password_encrypted"] = self._box.encrypt(password) if password else None
        elif changes.get("smtp_host", before.smtp_host) != before.smtp_host:
            # Otherwise whoever can change the host could have the password sent to their own.
            update["smtp_password_encrypted"] = None
        if any(
            update.get(name, getattr(before, name)) != getattr(before, name) for name in SCHEDULE
        ):
            return rescheduled(before.model_copy(update=update), before, now)
        return before.model_copy(update=update)

    async def _record(
        self,
        actor: Actor,
        before: StoredConfig,
        after: StoredConfig,
        changes: Mapping[str, Any],
        now: datetime,
        entry_id: str | None,
    ) -> None:
        old, new = _view(before), _view(after)
        changed = {name for name in new if new[name] != old[name]}
        facts = {name: new[name] for name in changed}
        if "smtp_password" in changes:
            facts["smtp_password"] = "changed"  # noqa: S105 - the word, not a password
        await self._audit.record(
            actor,
            "config.change",
            "config",
            now,
            before={name: old[name] for name in changed},
            after=facts,
            entry_id=entry_id,
        )

    def mail_way(self, config: StoredConfig) -> Literal["smtp", "graph"] | None:
        """How emails leave this machine; None if they go to the outbox.

        Also works if the settings contradict each other or a secret cannot be decrypted.
        """
        if config.smtp_host is not None:
            return "smtp"
        return self._environment.transport if self._environment.sends_email else None

    def smtp_settings(self, config: StoredConfig) -> SmtpSettings:
        """Merge the stored email settings into those of the environment, which they override.

        A stored host never gets the environment's user or password, which belong to another
        server. Raises InvalidError if the two contradict each other.
        """
        update: dict[str, Any] = {}
        if config.smtp_host is not None:
            update = {
                "host": config.smtp_host,
                "user": None,
                "password": None,
                "auth": "password",
                "oauth_client_secret": None,
                "transport": "smtp",
            }
        for name, value in (
            ("port", config.smtp_port),
            ("user", config.smtp_user),
            ("sender", config.sender_email),
        ):
            if value is not None:
                update[name] = value
        if config.smtp_password_encrypted is not None:
            update["password"] = SecretStr(self._box.decrypt(config.smtp_password_encrypted))
        merged = self._environment.model_copy(update=update)
        if merged.host and merged.tls == "none" and not is_loopback(merged.host):
            raise InvalidError(
                "smtp_host must be this machine while SMTP_TLS=none. Set SMTP_TLS=starttls.",
                [("smtp_host", "must be this machine while SMTP_TLS=none")],
            )
        return merged


def _view(config: StoredConfig) -> dict[str, object]:
    return {
        "anomaly_threshold": config.anomaly_threshold,
        "min_increase": config.min_increase,
        "schedule_day": config.schedule_day,
        "schedule_hour": config.schedule_hour,
        "schedule_timezone": config.schedule_timezone,
        "global_admin_emails": list(config.global_admin_emails),
        "smtp_host": config.smtp_host or "",
        "smtp_port": config.smtp_port,
        "smtp_user": config.smtp_user or "",
        "smtp_password_set": config.smtp_password_encrypted is not None,
        "sender_email": config.sender_email or "",
    }
