"""What the application is built on: adapters of the outside world, and the operator's options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from services.domain import SourceDescription
from services.ports import (
    AccessTokens,
    CapturedMails,
    CostSource,
    Folder,
    MailTransport,
    Notifier,
    SecretBox,
    Start,
    Store,
    Ticking,
)
from services.settings import Settings, SmtpSettings


class CapturingTransport(MailTransport, CapturedMails, Protocol):
    """Takes emails while no mail server is set, and shows them."""


@dataclass(frozen=True, slots=True)
class Mail:
    """The transports that emails can leave through."""

    outbox: CapturingTransport
    transports: Mapping[str, Callable[[SmtpSettings], MailTransport]]
    """Transport name → what makes it from its settings."""


@dataclass(frozen=True, slots=True)
class Probes:
    """What is only checked for whether it works."""

    ticker: Ticking
    folder: Folder
    bot_tokens: AccessTokens | None
    """None in local mode."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """The outside world."""

    store: Store
    source: CostSource
    mail: Mail
    secrets: SecretBox
    notifier: Notifier
    start: Start
    """Starts owned background work."""
    probes: Probes


@dataclass(frozen=True, slots=True)
class Options:
    """The operator's settings that use cases need."""

    smtp: SmtpSettings = SmtpSettings()  # noqa: RUF009 - frozen
    when_unsure: Literal["resend", "hold"] = "resend"
    complete_after_hours: int = 48
    app_id: str | None = None
    """The bot's; None in local mode."""
    admin_ids: tuple[str, ...] = ()
    embedded_mongodb: bool = False
    sample_mail_confirmed: bool = False

    @classmethod
    def of(
        cls, settings: Settings, source: SourceDescription, *, sample_mail_confirmed: bool
    ) -> "Options":
        """Take the options from the settings of the process; the source knows its own delay."""
        hours = settings.costs.complete_after_hours
        return cls(
            smtp=settings.smtp,
            when_unsure=settings.smtp.when_unsure,
            complete_after_hours=source.complete_after_hours if hours is None else hours,
            app_id=settings.teams_app.app_id,
            admin_ids=tuple(settings.teams_app.admin_ids),
            embedded_mongodb=settings.mongo.url is None,
            sample_mail_confirmed=sample_mail_confirmed,
        )
