"""Which way mail goes: over SMTP, or into the local outbox."""

from collections.abc import Callable
from datetime import datetime

from services.config import Config
from services.errors import SettingsError
from services.model import SourceName
from services.ports import MailTransport
from services.settings import SmtpSettings


class Transports:
    """Chooses the mail transport of a new run, and finds that of an older one by name."""

    def __init__(
        self,
        config: Config,
        source: SourceName,
        outbox: MailTransport,
        make_smtp: Callable[[SmtpSettings], MailTransport],
        *,
        sample_confirmed: bool = False,
    ) -> None:
        self._config = config
        self._source = source
        self._outbox = outbox
        self._make_smtp = make_smtp
        self._sample_confirmed = sample_confirmed
        self._made: tuple[SmtpSettings, MailTransport] | None = None

    async def configured(self, now: datetime) -> str:
        """``smtp`` when a mail server is set, else ``outbox``."""
        return "smtp" if (await self._settings(now)).host else self._outbox.name

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
        if not settings.host:
            raise SettingsError(
                "This run is to be mailed and SMTP_HOST is not set any more. Set SMTP_HOST and "
                "run it again."
            )
        if self._made is None or self._made[0] != settings:
            self._made = settings, self._make_smtp(settings)
        return self._made[1]

    async def _settings(self, now: datetime) -> SmtpSettings:
        return self._config.smtp_settings(await self._config.stored(now))
