"""How email is sent: over SMTP, through Microsoft Graph, or to the local outbox."""

from collections.abc import Callable, Mapping
from datetime import datetime

from services.administration import Config
from services.domain import SAMPLE, SourceName
from services.domain.errors import SettingsError
from services.ports import MailTransport
from services.settings import SmtpSettings

EXCHANGE_ONLINE = ("office365.com", "outlook.com", "office365.us", "partner.outlook.cn")


class Transports:
    """Chooses the transport for a new run and returns the transport of an older one."""

    def __init__(
        self,
        config: Config,
        source: SourceName,
        outbox: MailTransport,
        makers: Mapping[str, Callable[[SmtpSettings], MailTransport]],
        *,
        sample_confirmed: bool = False,
    ) -> None:
        self._config = config
        self._source = source
        self._outbox = outbox
        self._makers = makers
        self._sample_confirmed = sample_confirmed
        self._made: dict[str, tuple[SmtpSettings, MailTransport]] = {}

    async def configured(self, now: datetime) -> str:
        """``smtp`` or ``graph`` if one is configured, otherwise ``outbox``.

        Invalid settings still count as a choice: the run that uses them reports the error.
        """
        return self._config.mail_way(await self._config.stored(now)) or self._outbox.name

    async def choose(self, now: datetime) -> str:
        """The transport for a new run.

        Sample data goes to the outbox unless the operator has confirmed that it may be emailed.
        """
        if self._source == SAMPLE and not self._sample_confirmed:
            return self._outbox.name
        return await self.configured(now)

    async def named(self, name: str, now: datetime) -> MailTransport:
        """The transport that a run started with; SettingsError if it is no longer configured."""
        if name == self._outbox.name:
            return self._outbox
        settings = await self._settings(now)
        if name != settings.transport or not settings.sends_email:
            setting = "MAIL_TRANSPORT=graph" if name == "graph" else "SMTP_HOST"
            raise SettingsError(
                f"This run sends email, and {setting} is no longer set. Set it again and repeat the run."
            )
        # One transport for all runs with the same settings: it holds the TLS context and the tokens.
        cached = self._made.get(name)
        if cached is None or cached[0] != settings:
            cached = settings, self._makers[name](settings)
            self._made[name] = cached
        return cached[1]

    async def warning(self, now: datetime) -> str:
        """A warning about what will stop working with these settings; empty if there is none."""
        settings = await self._settings(now)
        host = (settings.host or "").lower()
        signs_in = settings.transport == "smtp" and settings.auth == "password" and settings.user
        if not signs_in or not host.endswith(EXCHANGE_ONLINE):
            return ""
        return (
            "Exchange Online turns off password sign-in by default at the end of December 2026. "
            "Set SMTP_AUTH=oauth2 before then."
        )

    async def _settings(self, now: datetime) -> SmtpSettings:
        return self._config.smtp_settings(await self._config.stored(now))
