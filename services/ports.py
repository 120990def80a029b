"""What the use cases need from outside, as protocols; adapters and test fakes implement them.

The docstrings are the contract that ``tests/contract`` runs against every implementation.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from services.model import (
    Actor,
    AdminEntry,
    Alert,
    Anomaly,
    AnomalyStatus,
    ApiKey,
    AuditEntry,
    Conversation,
    CostChange,
    CostTable,
    DaySpan,
    Delivery,
    DeliveryPhase,
    DeliveryState,
    FrozenReport,
    Month,
    News,
    OpenCard,
    PendingImport,
    PlannedChange,
    PostedMessage,
    Run,
    RunKind,
    RunSummary,
    SourceName,
    SourceState,
    StoredConfig,
    Team,
)
from services.settings import SmtpSettings

Clock = Callable[[], datetime]
"""The present instant, aware, UTC."""
SurelyGone = Callable[[str], bool]
"""Whether the worker of this name has ended for certain, so that its leases are free."""


class CostSource(Protocol):
    """Where costs are read; every method raises CostSourceError with the cure in words."""

    @property
    def name(self) -> SourceName: ...

    @property
    def configured_metric(self) -> str | None:
        """The metric that the operator has set; None: choose one."""
        ...

    async def rest(self) -> None:
        """Waits until background reading may go on without using up a shared rate limit."""
        ...

    async def choose_metric(self, span: DaySpan) -> str:
        """The metric to use from now on: the configured one, else the best that has data."""
        ...

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """The ungrouped daily total, as at most one series of account ``""``.

        ``accounts`` narrows it to these; None means all. Days without data are NaN; no data
        at all gives no series.
        """
        ...

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """Daily totals by account (service ``""``, category None).

        Costs without an account tag are under UNATTRIBUTED. Raises AnswerTooLargeError when
        fewer accounts should be asked for.
        """
        ...

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        """Daily amounts by account × service × charge category, one series for each.

        Costs without a service are under ``"Other"``. Raises AnswerTooLargeError when fewer
        accounts should be asked for.
        """
        ...

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        """Names of accounts where the source knows them; never raises for a missing tag."""
        ...

    async def aclose(self) -> None: ...


class CostStore(Protocol):
    """Daily costs by account and month, and what is known of a source."""

    async def save_totals(
        self, source: SourceName, metric: str, table: CostTable, seen_at: datetime
    ) -> None:
        """Stores daily totals by account over the table's span.

        The table is the whole truth for its accounts: a day with NaN has no total any more. A
        day that held another amount keeps it as a revision dated ``seen_at``. Accounts that are
        absent from the table are left as they are. Saving the same table again changes nothing.
        """
        ...

    async def save_details(
        self,
        source: SourceName,
        metric: str,
        table: CostTable,
        accounts: Sequence[str],
        seen_at: datetime,
    ) -> None:
        """Stores amounts by service and category of all ``accounts`` over the table's span.

        Within the span the table is the whole truth for these accounts: a stored series that
        is absent from it becomes NaN there. Changed amounts keep their earlier value as a
        revision dated ``seen_at``, also when a day that was saved before had no amount. The days
        of the span count as detailed for these accounts, also for those without any cost.
        Saving the same table again changes nothing.
        """
        ...

    async def load(self, source: SourceName, accounts: Sequence[str], span: DaySpan) -> CostTable:
        """Amounts by service and category (only) of these accounts over the span."""
        ...

    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        """Daily totals of all accounts that have any in the span, with account names."""
        ...

    async def load_as_known(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan, at: datetime
    ) -> CostTable:
        """As ``load``, with every amount as it was known at an instant (revisions undone)."""
        ...

    async def load_history(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> tuple[CostTable, list[CostChange]]:
        """As ``load``, with every amount as it was first seen, and all changes, oldest first.

        A day that was read before and had nothing was first seen without an amount.
        """
        ...

    async def save_names(
        self, source: SourceName, names: dict[str, str], months: Sequence[Month]
    ) -> None:
        """Stores account names on the documents of these months."""
        ...

    async def months(self, source: SourceName, accounts: Sequence[str]) -> list[Month]:
        """The months for which anything is stored of these accounts, newest first."""
        ...

    async def last_days(self, source: SourceName, accounts: Sequence[str]) -> dict[str, date]:
        """The last day with a total for each of these accounts that has any."""
        ...

    async def detailed(self, source: SourceName, metric: str, span: DaySpan) -> set[str]:
        """Accounts whose services are stored for every day of the span under this metric."""
        ...

    async def state(self, source: SourceName) -> SourceState: ...

    async def save_state(self, state: SourceState) -> None: ...


class TeamStore(Protocol):
    """Teams; sample teams are kept apart from real ones by ``sample``."""

    async def list_teams(self, *, sample: bool) -> list[Team]:
        """All teams of one side, by name (case folded), then account id."""
        ...

    async def any_real(self) -> bool: ...

    async def get(self, team_id: str) -> Team | None: ...

    async def add(self, team: Team) -> None:
        """Raises ConflictError when a team of the same side has the account already."""
        ...

    async def replace(self, team: Team) -> bool:
        """Stores a changed team whose stored version is ``team.version - 1``; False if not.

        Raises ConflictError when another team of the same side has the account.
        """
        ...

    async def remove(self, team_id: str) -> Team | None:
        """Removes and returns it; None when there is none."""
        ...

    async def seed_samples(self, teams: Sequence[Team]) -> None:
        """Adds those sample teams that are not there by id; changes none."""
        ...


class ConfigStore(Protocol):
    """The one document of stored settings."""

    async def get(self, now: datetime) -> StoredConfig:
        """The stored settings; at the first call ever the defaults, kept with
        ``schedule_since=now``.
        """
        ...

    async def replace(self, config: StoredConfig) -> bool:
        """Stores settings whose stored version is ``config.version - 1``; False if not."""
        ...


class AuditLog(Protocol):
    """Who changed what; append only."""

    async def append(self, entry: AuditEntry) -> None:
        """Stores an entry, once for its id."""
        ...

    async def newest(self, limit: int, subject: str | None = None) -> list[AuditEntry]:
        """Newest first; ``subject``: only those of one thing."""
        ...

    async def get(self, entry_id: str) -> AuditEntry | None: ...

    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        """True for the first caller only."""
        ...


class AnomalyStore(Protocol):
    """Anomalies by id."""

    async def raise_once(self, anomaly: Anomaly) -> bool:
        """Stores it unless its id is there; True when this call stored it."""
        ...

    async def update(self, anomaly: Anomaly) -> None:
        """Replaces the figures of a stored anomaly: excess, service, end and updated_at."""
        ...

    async def settle(self, anomaly: Anomaly, was: AnomalyStatus) -> bool:
        """Replaces status, answer, end and updated_at of one whose status is still ``was``.

        False when somebody else was faster; then nothing is written.
        """
        ...

    async def get(self, anomaly_id: str) -> Anomaly | None: ...

    async def open_of(
        self, source: SourceName, accounts: Sequence[str] | None = None
    ) -> list[Anomaly]:
        """Open ones of these accounts (None: all), largest excess first."""
        ...

    async def newest(
        self, source: SourceName, accounts: Sequence[str] | None = None, limit: int = 100
    ) -> list[Anomaly]:
        """The newest of these accounts (None: all) in any state, by when they were raised."""
        ...

    async def get_many(self, anomaly_ids: Sequence[str]) -> list[Anomaly]:
        """Those of these that are stored, in no order."""
        ...

    async def page(
        self,
        source: SourceName,
        *,
        accounts: Sequence[str] | None = None,
        status: AnomalyStatus | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Anomaly]:
        """Newest first, by when they were raised and then by id.

        ``after``: only those that come behind this place (raised at, id).
        """
        ...


class AlertStore(Protocol):
    """The cards of anomalies in conversations."""

    async def create_once(self, alert: Alert) -> bool:
        """Stores it unless its id is there; True when this call stored it."""
        ...

    async def replace(self, alert: Alert) -> Alert | None:
        """Stores a changed one with its fence raised, if the stored fence is still the given.

        None when somebody else was faster; then nothing is written.
        """
        ...

    async def get(self, alert_id: str) -> Alert | None: ...

    async def of_subjects(self, subjects: Sequence[str]) -> list[Alert]:
        """All cards about these, oldest first."""
        ...

    async def newest_of(
        self, source: SourceName, conversation_id: str, since: datetime
    ) -> list[Alert]:
        """Those of a conversation that were created since then, newest first."""
        ...


class RunStore(Protocol):
    """Runs, their leases and their frozen reports.

    Reports are kept under the run's ``ledger_id``, which is what ``run_id`` means for them.
    """

    async def begin(self, run: Run) -> tuple[Run, bool]:
        """Stores the run unless its id is there; the stored one, and whether it is new."""
        ...

    async def get(self, run_id: str) -> Run | None: ...

    async def list_runs(
        self,
        source: SourceName,
        *,
        kind: RunKind | None = None,
        open_only: bool = False,
        period: str | None = None,
        before: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Newest (by created_at, then id) first; ``before``: created before then.

        ``after``: only those that come behind this place (created at, id).
        """
        ...

    async def lease(self, run_id: str, owner: str, now: datetime, ttl: timedelta) -> int | None:
        """Takes the run until ``now + ttl`` when it is free, expired or already the owner's.

        The fencing token is raised by every call that succeeds; None when another holds it.
        """
        ...

    async def holder(self, run_id: str) -> tuple[str, int] | None:
        """Owner and token of the lease, ended or not; None when nobody has it."""
        ...

    async def renew(
        self, run_id: str, owner: str, token: int, now: datetime, ttl: timedelta
    ) -> bool:
        """Prolongs a lease that is still this owner's with this token; False if it is not."""
        ...

    async def release(self, run_id: str, owner: str, token: int) -> None:
        """Gives a lease back; nothing happens when it is no longer held."""
        ...

    async def mark_planned(self, run_id: str, token: int, summary: RunSummary) -> bool:
        """Makes the plan of this token the run's only one.

        False when the token is stale or the run is planned or not open, and then nothing is
        written (so for the next two).
        """
        ...

    async def record_error(
        self, run_id: str, token: int, error: str, *, failed: bool, retry_at: datetime | None
    ) -> bool:
        """Stores the error and counts the attempt; ``failed`` ends an unplanned run."""
        ...

    async def close(
        self, run_id: str, token: int, openings: int, *, expired: bool, now: datetime
    ) -> bool:
        """Ends an open, planned run as done (or expired), unless it was opened again since."""
        ...

    async def reopen(
        self, run_id: str, requested_by: Actor, now: datetime, not_after: datetime
    ) -> bool:
        """Opens a failed, expired or done run for whoever asks now; False when it is open.

        ``openings`` is raised in both cases; errors and attempts begin anew.
        """
        ...

    async def freeze(self, reports: Sequence[FrozenReport]) -> None:
        """Stores reports that are not there yet by id; a stored one is never changed."""
        ...

    async def frozen(self, report_id: str) -> FrozenReport | None: ...

    def team_previews(self, run_id: str) -> AsyncIterator[tuple[str, dict[str, object]]]:
        """(team id, window, currency and current total as in the preview JSON) of each team."""
        ...


class DeliveryLedger(Protocol):
    """One document per message and recipient; every change is a compare-and-set.

    ``run_id`` is the run's ``ledger_id`` throughout.
    """

    async def plan(self, deliveries: Sequence[Delivery]) -> None:
        """Stores those that are not there yet by id; a stored one is never changed."""
        ...

    async def claim(
        self, run_id: str, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Takes one pending delivery that is due (``not_before <= now <= not_after``).

        Sets sending/claim, owner, ``lease_until = now + ttl``, attempts + 1 and fence + 1;
        returns the delivery after the change. None: nothing is due.
        """
        ...

    async def enter_data(
        self, delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        """sending/claim → sending/data under the delivery's fence; False: it was taken over."""
        ...

    async def finish(
        self,
        delivery: Delivery,
        phase: DeliveryPhase,
        state: DeliveryState,
        now: datetime,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
        ambiguous: bool = False,
    ) -> bool:
        """sending/``phase`` → ``state`` under the fence; False: it was taken over.

        ``pending`` takes ``not_before``; ``ambiguous`` raises that counter.
        """
        ...

    async def any_due(self, run_id: str, now: datetime) -> bool:
        """Whether ``claim`` would find something."""
        ...

    async def give_back(self, delivery: Delivery, now: datetime) -> bool:
        """From sending to pending under the fence, as if never claimed (attempts − 1).

        In either phase, for whoever knows that nothing of the body has left.
        """
        ...

    async def owners(self, run_id: str) -> set[str]:
        """The workers that have claimed a delivery which is still sending."""
        ...

    async def disown(self, run_id: str, owner: str, now: datetime) -> None:
        """Ends the leases of a worker's sending deliveries before ``now``."""
        ...

    async def abandoned(self, run_id: str, now: datetime) -> list[Delivery]:
        """Sending deliveries whose lease ended before ``now``."""
        ...

    async def take_over(
        self, delivery: Delivery, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Raises the fence of an abandoned delivery; None: somebody else was faster."""
        ...

    async def expire(self, run_id: str, now: datetime) -> int:
        """Pending ones past ``not_after`` become expired; their number."""
        ...

    async def retry(self, run_id: str, now: datetime, not_after: datetime) -> int:
        """Failed, expired and unknown ones become pending again; their number."""
        ...

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        """How many are in each state; states with none are left out."""
        ...

    async def next_due(self, run_id: str) -> datetime | None:
        """When the next pending one is due, or a sending one's lease ends; None: all final."""
        ...

    async def last_sent(self, run_id: str) -> datetime | None:
        """When a delivery was last stored as sent; None while none was."""
        ...

    async def list_deliveries(
        self, run_id: str, *, states: Sequence[DeliveryState] | None = None
    ) -> list[Delivery]:
        """By recipient, then id."""
        ...


class RateBudget(Protocol):
    """Mails in any minute of one sender address, over all processes."""

    async def take(self, sender: str, per_minute: int, now: datetime) -> float:
        """0.0 when a mail may go now (and it is counted), else the seconds to wait."""
        ...


class MailConnection(Protocol):
    """One open connection to the mail server, used for many mails in turn."""

    async def offer(self, sender: str, recipient: str) -> None:
        """Everything before the body. Raises MailError; after it the connection is usable
        unless it was a MailConnectError.
        """
        ...

    async def hand_over(self, raw: bytes) -> str:
        """The body; returns the server's answer.

        Raises MailError when the server refused the body (nothing was delivered), and
        MailFateUnknownError when the connection or the wait ended before an answer.
        """
        ...

    async def aclose(self) -> None: ...


class MailTokens(Protocol):
    """Access tokens for mail."""

    async def get(self, settings: SmtpSettings, scope: str, *, stale: str | None = None) -> str:
        """A token for a scope; ``stale``: one that was refused and must not come back.

        Raises MailConnectError with the cure.
        """
        ...


class MailTransport(Protocol):
    """A way to send mail."""

    @property
    def name(self) -> str:
        """``smtp`` or ``outbox``; runs remember it."""
        ...

    @property
    def sender(self) -> str: ...

    @property
    def lanes(self) -> int:
        """Connections that may be open at once."""
        ...

    @property
    def per_minute(self) -> int:
        """Mails in any minute; 0: no limit."""
        ...

    @property
    def answer_within(self) -> float:
        """Seconds within which ``hand_over`` is over; later its fate counts as unknown."""
        ...

    async def connect(self) -> MailConnection:
        """Opens, secures and signs in. Raises MailConnectError with the cure in words."""
        ...


class Notifier(Protocol):
    """Tells conversations of news, by cards that can be updated.

    Each raises ConversationGoneError when the conversation takes no message any more,
    MessageFateUnknownError, MessageRefusedError for a message that Teams will never take, and
    AgentError for what may go well another time.
    """

    async def post(self, conversation: Conversation, news: News) -> PostedMessage:
        """A new message; in a channel it begins a thread."""
        ...

    async def update(self, conversation: Conversation, message: PostedMessage, news: News) -> None:
        """Replaces a message in place; NotFoundError when somebody has deleted it."""
        ...

    async def reply(self, conversation: Conversation, message: PostedMessage, words: str) -> None:
        """One sentence below a message."""
        ...


class Meter(Protocol):
    """Counts what happens, for whoever watches the agent; never says of which team or person."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request to the REST door or a page."""
        ...

    def asked(self, upstream: str, outcome: str, seconds: float) -> None:
        """A request to another system; ``outcome``: its status, or ``error``."""
        ...

    def delivered(self, channel: str, outcome: str) -> None:
        """A delivery has come to this state (``retry``: it is tried again)."""
        ...

    def unsure(self, channel: str) -> None:
        """The fate of a handed-over message is not known."""
        ...

    def ran(self, kind: RunKind, outcome: str, seconds: float) -> None:
        """A run was worked on until it ended or failed."""
        ...

    def lost_lease(self) -> None:
        """Another worker has taken over."""
        ...


class Unmeasured:
    """A ``Meter`` that counts nothing: for commands that end, and whoever does not care."""

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        pass

    def asked(self, upstream: str, outcome: str, seconds: float) -> None:
        pass

    def delivered(self, channel: str, outcome: str) -> None:
        pass

    def unsure(self, channel: str) -> None:
        pass

    def ran(self, kind: RunKind, outcome: str, seconds: float) -> None:
        pass

    def lost_lease(self) -> None:
        pass


UNMEASURED = Unmeasured()


class SecretBox(Protocol):
    """Encrypts what is stored."""

    def encrypt(self, secret: str) -> str: ...

    def decrypt(self, token: str) -> str:
        """Raises SettingsError when the key is another one than at encryption."""
        ...


class AdminStore(Protocol):
    """Who was made an admin, by tenant and object id."""

    async def list_admins(self) -> list[AdminEntry]:
        """By name, then object id."""
        ...

    async def add(self, admin: AdminEntry) -> bool:
        """False when the person is one already."""
        ...

    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        """The one that was removed; None when there was none."""
        ...


class ConversationStore(Protocol):
    """Conversations that the app is in."""

    async def seen(self, conversation: Conversation) -> Conversation:
        """Stores a new one, or renews address, kind and title (unless empty) of a known one,
        which becomes active again; the stored one.
        """
        ...

    async def get(self, conversation_id: str) -> Conversation | None: ...

    async def lost(
        self, conversation_id: str, state: Literal["uninstalled", "blocked"], now: datetime
    ) -> bool:
        """Marks one that takes no messages any more; after an uninstallation the next one is
        welcomed again. True for the first caller only.
        """
        ...

    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        """Sends alerts there from now on; False when they are sent there already."""
        ...

    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        """Sends no more alerts there; False when none are sent there."""
        ...

    async def welcome_once(self, conversation_id: str) -> bool:
        """True for the first caller only, until the app is removed."""
        ...

    async def with_alerts(self) -> list[Conversation]:
        """Those that alerts go to, oldest registration first."""
        ...


class PlanStore(Protocol):
    """Announced changes."""

    async def add(self, plan: PlannedChange) -> None: ...

    async def remove(self, plan_id: str) -> PlannedChange | None: ...

    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        """Those of these accounts that share a day with the span, newest first."""
        ...


class PendingImportStore(Protocol):
    """Imports that wait for Confirm, for a day."""

    async def put(self, pending: PendingImport) -> None: ...

    async def take(self, pending_id: str) -> PendingImport | None:
        """One of them, which then waits no longer: it is given to one caller only."""
        ...


class ApiKeyStore(Protocol):
    """Keys of the REST API; none is ever removed, so that its door stays locked."""

    async def any_ever(self) -> bool:
        """Whether a key was ever stored, revoked or not."""
        ...

    async def add(self, key: ApiKey) -> None:
        """Raises ConflictError when the id is taken."""
        ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def list_keys(self) -> list[ApiKey]:
        """Oldest first."""
        ...

    async def revoke(self, key_id: str, now: datetime) -> ApiKey | None:
        """The key as it is then; the first instant stays. None when there is no such key."""
        ...

    async def touch(self, key_id: str, now: datetime) -> None:
        """Notes that it was used; an earlier instant than the noted one changes nothing."""
        ...


class OpenCardStore(Protocol):
    """Cards that still change by themselves."""

    async def put(self, card: OpenCard) -> None: ...

    async def touch(self, owner: str, now: datetime) -> None:
        """Says of all cards of a worker that it is still there."""
        ...

    async def take(self, card: OpenCard, owner: str, now: datetime) -> bool:
        """Gives a card to another worker; False when it is not stored as given any more."""
        ...

    async def remove(self, card_id: str) -> None: ...

    async def list_cards(self) -> list[OpenCard]:
        """Oldest first."""
        ...


class Store(Protocol):
    """All collections of one database."""

    @property
    def costs(self) -> CostStore: ...

    @property
    def teams(self) -> TeamStore: ...

    @property
    def config(self) -> ConfigStore: ...

    @property
    def audit(self) -> AuditLog: ...

    @property
    def anomalies(self) -> AnomalyStore: ...

    @property
    def runs(self) -> RunStore: ...

    @property
    def deliveries(self) -> DeliveryLedger: ...

    @property
    def rates(self) -> RateBudget: ...

    @property
    def admins(self) -> AdminStore: ...

    @property
    def alerts(self) -> AlertStore: ...

    @property
    def conversations(self) -> ConversationStore: ...

    @property
    def open_cards(self) -> OpenCardStore: ...

    @property
    def plans(self) -> PlanStore: ...

    @property
    def pending_imports(self) -> PendingImportStore: ...

    @property
    def api_keys(self) -> ApiKeyStore: ...

    async def prepare(self) -> None:
        """Creates the indexes; raises StoreUnavailableError when MongoDB does not answer."""
        ...

    async def ping(self) -> None:
        """Raises StoreUnavailableError with the reason."""
        ...

    async def aclose(self) -> None: ...
