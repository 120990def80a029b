"""The application over fakes: what ``services.application.build`` needs, with defaults."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from services.adapters.background import Background
from services.adapters.secrets import FernetBox
from services.application import Adapters, Application, Mail, Options, Probes, build
from services.ports import CostSource, Notifier, Start, Store
from services.runtime.context import Context
from services.settings import SmtpSettings
from tests.fakes.costs import FakeCosts
from tests.fakes.mail import MemoryOutbox, MemoryTransport
from tests.fakes.notifier import MemoryNotifier
from tests.makers import NOW

SMTP = SmtpSettings(host="mail.example.org")


@dataclass
class StillTicker:
    """Implements ``services.ports.Ticking``."""

    running: bool = True
    last_tick: datetime | None = NOW


class RoomyFolder:
    """Implements ``services.ports.Folder``."""

    async def free(self) -> int:
        return 1 << 40


@dataclass
class Fakes:
    """The outside world in memory; whatever matters to a test is handed in."""

    store: Store
    source: CostSource = field(default_factory=lambda: FakeCosts([]))
    transport: MemoryTransport = field(default_factory=MemoryTransport)
    notifier: Notifier = field(default_factory=MemoryNotifier)
    start: Start = field(default_factory=lambda: Background().start)
    app_id: str | None = None

    def application(self, context: Context) -> Application:
        """Build the application over these fakes."""
        adapters = Adapters(
            store=self.store,
            source=self.source,
            mail=Mail(MemoryOutbox(), {"smtp": lambda _: self.transport}),
            secrets=FernetBox(SecretStr("k" * 20), Path(), key_file_allowed=False),
            notifier=self.notifier,
            start=self.start,
            probes=Probes(StillTicker(), RoomyFolder(), bot_tokens=None),
        )
        return build(adapters, Options(smtp=SMTP, app_id=self.app_id), context)
