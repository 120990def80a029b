"""Changes the stored settings: partial updates, validated as a whole, audited without secrets."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, SecretStr, ValidationError

from services.administration.audit_trail import AuditTrail
from services.administration.undo import check_unchanged
from services.domain import Actor, AuditEntry, StoredConfig
from services.domain.addresses import is_loopback
from services.domain.errors import ConflictError, InvalidError
from services.domain.schedule import WEEKDAYS, rescheduled
from services.domain.validation import (
    Address,
    Addresses,
    Input,
    Number,
    Percent,
    one_line,
    problems_of,
)
from services.ports import ConfigStore, SecretBox
from services.runtime.compare_and_set import compare_and_set
from services.settings import SmtpSettings

MAX_HOUR = 23
MAX_PORT = 65535
MAX_TEXT_LENGTH = 255
MAX_AMOUNT = 1_000_000_000_000
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]+", re.ASCII)
SCHEDULE = {"schedule_day", "schedule_hour", "schedule_timezone"}


def _weekday(value: Any) -> str:
    if isinstance(value, str) and value.strip().lower() in WEEKDAYS:
        return value.strip().lower()
    raise ValueError(f"must be one of {', '.join(WEEKDAYS)}")


def _whole(value: Any, lowest: int, highest: int) -> int | None:
    """Parse a whole number within bounds; None for everything else.

    9.0 is accepted: JSON does not distinguish it from 9 (RFC 8259, 6), and JavaScript cannot.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if lowest <= value <= highest and value == int(value) else None


def _hour(value: Any) -> int:
    hour = _whole(value, 0, MAX_HOUR)
    if hour is None:
        raise ValueError("must be a whole hour from 0 to 23")
    return hour


def _zone(value: Any) -> str:
    try:
        if isinstance(value, str) and value:
            return ZoneInfo(value).key
    # ZoneInfo opens a file of this name: a directory such as "Europe" is an OSError, and a path
    # that leaves the database, or a null character, a ValueError.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ValueError("must be an IANA time zone such as Europe/Berlin")


def _port(value: Any) -> int | None:
    if value is None or value == "":
        return None
    port = _whole(value, 1, MAX_PORT)
    if port is None:
        raise ValueError("must be a port from 1 to 65535")
    return port


def _secret(value: Any) -> str | None:
    """Check one line of text without changing it, as a password may begin or end with a space."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > MAX_TEXT_LENGTH:
        raise ValueError(f"must be at most {MAX_TEXT_LENGTH} characters of text in one line")
    return one_line(value)


def _text(value: Any) -> str | None:
    text = _secret(value)
    if text is not None and text != text.strip():
        raise ValueError("begins or ends with a space; remove it")
    return text


def _host(value: Any) -> str | None:
    text = _text(value)
    if text is not None and not HOST.fullmatch(text):
        raise ValueError("must be a host name such as smtp.example.com, or an IP address")
    return text


def _amount(value: Any) -> Any:
    if isinstance(value, int | float) and value < 0:
        raise ValueError("must not be negative")
    if isinstance(value, int | float) and value > MAX_AMOUNT:
        raise ValueError(f"must be at most {MAX_AMOUNT:,}")
    return value


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


Text = Annotated[str | None, BeforeValidator(_text)]
Host = Annotated[str | None, BeforeValidator(_host)]
Secret = Annotated[str | None, BeforeValidator(_secret)]
Money = Annotated[Number, BeforeValidator(_amount)]
Weekday = Annotated[str, BeforeValidator(_weekday)]
Hour = Annotated[int, BeforeValidator(_hour)]
Zone = Annotated[str, BeforeValidator(_zone)]
Port = Annotated[int | None, BeforeValidator(_port)]
Sender = Annotated[Address | None, BeforeValidator(_empty_is_none)]


class ConfigPatch(Input):
    """A partial update of the stored settings; absent fields stay as they are."""

    anomaly_threshold: Percent = 20.0
    min_increase: Money = 25.0
    schedule_day: Weekday = "monday"
    schedule_hour: Hour = 9
    schedule_timezone: Zone = "UTC"
    global_admin_emails: Addresses = ()
    smtp_host: Host = None
    smtp_port: Port = None
    smtp_user: Text = None
    smtp_password: Secret = None
    sender_email: Sender = None


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
            given = _checked(body(before) if callable(body) else body)
            after = self._changed(before, given, now)
            self.smtp_settings(after)
            if after == before:
                return _view(before)
            next_version = after.model_copy(update={"version": before.version + 1})
            if not await self._store.replace(next_version):
                return None
            await self._record(actor, before, after, given, now, entry_id)
            return _view(after)

        return await compare_and_set(
            attempt, ConflictError("The settings are being changed by somebody else. Try again.")
        )

    async def undo(self, entry: AuditEntry, actor: Actor, now: datetime) -> None:
        """Undo a change of the settings. Raises ConflictError when they have changed since."""
        check_unchanged(await self.view(now), entry)
        await self.change(entry.before or {}, actor, now)

    def _changed(
        self, before: StoredConfig, given: Mapping[str, Any], now: datetime
    ) -> StoredConfig:
        update = dict(given)
        password = update.pop("smtp_password", None)
        if "smtp_password" in given:
            update["smtp_password_encrypted"] = self._box.encrypt(password) if password else None
        elif given.get("smtp_host", before.smtp_host) != before.smtp_host:
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
        given: Mapping[str, Any],
        now: datetime,
        entry_id: str | None,
    ) -> None:
        old, new = _view(before), _view(after)
        changed = {name for name in new if new[name] != old[name]}
        facts = {name: new[name] for name in changed}
        if "smtp_password" in given:
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


def _checked(body: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return ConfigPatch.model_validate(dict(body)).model_dump(exclude_unset=True)
    except ValidationError as error:
        problems = problems_of(error)
        words = "; ".join(f"{field} {reason}" for field, reason in problems)
        raise InvalidError(f"The settings were not changed: {words}.", problems) from error


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
