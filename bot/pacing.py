"""Keeps messages to Teams in order and below its rate limits.

Teams allows a bot 7 messages a second, 8 in 2 seconds and 60 in 30 seconds in a conversation, and
50 requests a second in a tenant (Microsoft Learn, "Optimize your bot with rate limiting in Teams").
The limits are estimates that may change, so the pace stays a little below them.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

MAX_CONVERSATIONS = 5000
"""Conversations whose pace is remembered; the one that was idle longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages are sent and turns end; limits are (messages, seconds)."""

    per_conversation: tuple[tuple[int, float], ...] = ((6, 1.0), (7, 2.0), (55, 30.0))
    per_tenant: tuple[tuple[int, float], ...] = ((45, 1.0),)
    retry_seconds: float = 1.0
    """The wait before the second attempt when Teams names none; doubled each time."""
    read_seconds: float = 3.0
    """The timeout of a read that a turn needs before it can start."""
    ack_seconds: float = 0.8
    """After this long a card says that the answer is being worked on, so that a turn ends within a
    second. Teams itself waits up to 15 seconds and then sends the activity again.
    """


TEAMS_PACE = Pace()


class RateWindow:
    """Sliding windows of (messages, seconds)."""

    def __init__(self, limits: tuple[tuple[int, float], ...]) -> None:
        self._limits = limits
        self._sent: deque[float] = deque(maxlen=max((number for number, _ in limits), default=0))

    def wait_seconds(self, now: float) -> float:
        """Seconds until the next message may be sent; 0.0 when it may be sent now."""
        longest = 0.0
        for number, seconds in self._limits:
            if len(self._sent) >= number:
                longest = max(longest, self._sent[-number] + seconds - now)
        return longest

    def count(self, now: float) -> None:
        """Count a message that is sent now."""
        self._sent.append(now)


@dataclass(slots=True)
class _Conversation:
    window: RateWindow
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the message that waits for the pace; the others wait for it."""
    sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a request is in progress."""

    @property
    def is_busy(self) -> bool:
        return self.queue.locked() or self.sending.locked()


class MessageQueue:
    """Lets one request at a time into each conversation, at the given pace.

    Teams answers 412 to concurrent changes of a conversation, so they must be serialized here.
    """

    def __init__(self, pace: Pace, timer: Callable[[], float]) -> None:
        self._pace = pace
        self._timer = timer
        self._tenant = RateWindow(pace.per_tenant)
        self._conversations: OrderedDict[str, _Conversation] = OrderedDict()

    @asynccontextmanager
    async def turn(self, conversation_id: str, *, at_once: bool = False) -> AsyncIterator[None]:
        """Wait until a request may be sent, and let no other into the conversation meanwhile.

        ``at_once``: a reply that somebody is waiting for. It counts, but does not wait for the
        pace, so it passes the alerts that do.
        """
        conversation = self._conversation(conversation_id)
        if at_once:
            async with self._sending(conversation):
                yield
            return
        async with conversation.queue:
            # Only time ends this wait, and an urgent message may have made it longer meanwhile.
            while (wait := self._wait_seconds(conversation)) > 0:  # noqa: ASYNC110 - see above
                await asyncio.sleep(wait)
            async with self._sending(conversation):
                yield

    def _wait_seconds(self, conversation: _Conversation) -> float:
        windows = (conversation.window, self._tenant)
        return max(window.wait_seconds(self._timer()) for window in windows)

    @asynccontextmanager
    async def _sending(self, conversation: _Conversation) -> AsyncIterator[None]:
        async with conversation.sending:
            conversation.window.count(self._timer())
            self._tenant.count(self._timer())
            yield

    def _conversation(self, conversation_id: str) -> _Conversation:
        # Teams counts the threads of a channel together; their IDs end with ";messageid=…".
        key = conversation_id.partition(";")[0]
        conversation = self._conversations.pop(key, None)
        conversation = conversation or _Conversation(RateWindow(self._pace.per_conversation))
        self._conversations[key] = conversation
        if len(self._conversations) > MAX_CONVERSATIONS:
            oldest = next(iter(self._conversations))
            if not self._conversations[oldest].is_busy:
                del self._conversations[oldest]
        return conversation
