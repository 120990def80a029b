"""Mailing: how an email is rendered, built, and delivered at most once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.administration import Administration
from services.mailing.delivery_attempts import IsStillRecipient
from services.mailing.delivery_outcomes import SenderSettings
from services.mailing.mime import message_id_for
from services.mailing.notices import NoticeKind, Notices
from services.mailing.preflight import preflight
from services.mailing.rendering import render_admin, render_team
from services.mailing.sender import Sender
from services.mailing.transports import Transports
from services.ports import MailTransport, Store
from services.runtime.context import Context
from services.settings import SmtpSettings

__all__ = [
    "MailRoutes",
    "Mailing",
    "NoticeKind",
    "Notices",
    "Sender",
    "SenderSettings",
    "Transports",
    "build",
    "message_id_for",
    "preflight",
    "render_admin",
    "render_team",
]


@dataclass(frozen=True, slots=True)
class MailRoutes:
    """The transports that emails can leave through."""

    outbox: MailTransport
    makers: Mapping[str, Callable[[SmtpSettings], MailTransport]]
    """Transport name → what makes it from its settings."""
    sample_confirmed: bool = False
    """The operator has confirmed that sample data may be emailed for real."""


@dataclass(frozen=True, slots=True)
class Mailing:
    """The face of the package."""

    transports: Transports
    sender: Sender
    notices: Notices


def build(
    store: Store,
    routes: MailRoutes,
    administration: Administration,
    is_still_recipient: IsStillRecipient,
    settings: SenderSettings,
    context: Context,
) -> Mailing:
    """Build the face; ``is_still_recipient`` is asked right before each email."""
    source, config = context.source.name, administration.config
    transports = Transports(
        config,
        source,
        routes.outbox,
        routes.makers,
        sample_confirmed=routes.sample_confirmed,
    )
    sender = Sender(
        ledger=store.deliveries,
        runs=store.runs,
        rates=store.rate_budget,
        is_still_recipient=is_still_recipient,
        settings=settings,
        context=context,
    )
    notices = Notices(
        runs=store.runs,
        ledger=store.deliveries,
        config=config,
        transports=transports,
        source=source,
    )
    return Mailing(transports=transports, sender=sender, notices=notices)
