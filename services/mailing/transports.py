"""Which way mail goes: over SMTP, through Microsoft Graph, or into the local outbox."""

from collections.abc import Callable, Mapping
from datetime import datetime

from services.administration.config import Config
from services.domain import SourceName
from services.domain.errors import SettingsError
from services.ports import MailTransport
from services.settings import SmtpSettings

EXCHANGE_ONLINE = ("office365.com", "outlook.com", "office365.us", "partner.outlook.cn")


class Transports:
    """Chooses the mail transport of a new run, and finds that of an older one by name."""

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
        """``smtp`` or ``graph`` when one is set, else ``outbox``.

        Settings that are wrong are still a choice: the run that is to use them says so.
        """
        return self._config.mail_way(await self._config.stored(now)) or self._outbox.name

    async def choose(self, now: datetime) -> str:
        """The transport of a new run.

        Sample data stays in the outbox unless the operator has confirmed that it may be mailed.
        """
        if self._source == "sample" and not self._sample_confirmed:
            return self._outbox.name
        return await self.configured(now)

    async def named(self, name: str, now: datetime) -> MailTransport:
        """The transport that a run was begun with; SettingsError when it is not set any more."""
        if name == self._outbox.name:
            return self._outbox
        settings = await self._settings(now)
        if name != settings.transport or not settings.sends:
            wanted = "MAIL_TRANSPORT=graph" if name == "graph" else "SMTP_HOST"
            raise SettingsError(
                f"This run is to be mailed and {wanted} is not set any more. Set it again and "
                "repeat the run."
            )
        made = self._made.get(name)
        if made is None or made[0] != settings:
            made = settings, self._makers[name](settings)
            self._made[name] = made
        return made[1]

    async def warning(self, now: datetime) -> str:
        """What will stop working; empty when nothing is known."""
        settings = await self._settings(now)
        host = (settings.host or "").lower()
        signs_in = settings.transport == "smtp" and settings.auth == "password" and settings.user
        if not signs_in or not host.endswith(EXCHANGE_ONLINE):
            return ""
        return (
            "Exchange Online switches password sign-in off by default at the end of December "
            "2026. Set SMTP_AUTH=oauth2 before."
        )

    async def _settings(self, now: datetime) -> SmtpSettings:
        return self._config.smtp_settings(await self._config.stored(now))
