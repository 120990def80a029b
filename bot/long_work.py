"""Cards that change after their turn: answers that take longer, and runs at work.

Each such card is kept in the store until its end, so that a restart brings it to its end too: a
run's card is followed again, an interrupted answer says so. A card whose worker is gone, or has
not been there for a while, is taken over by another one.
"""

import asyncio
import itertools
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import structlog

from bot.adapter import card_message
from bot.connector import Connector, ConnectorError
from bot.handlers.reports import run_card
from bot.turn import Card, Reply, Turn
from cards import general
from services.errors import AgentError, NotFoundError
from services.model import CardInProgress, RunState
from services.ports import CardInProgressStore, Clock, Start, SurelyGone
from services.runs import Runs

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""Between two looks at a run that a card shows."""
SHOW_SECONDS = 3.0
"""At least so long stands between two updates of a card, as Teams limits them."""
AWAY = timedelta(minutes=3)
"""A worker that has not touched its cards for this long is gone; it touches them at every tick."""
GIVE_UP = timedelta(days=4)
"""Longer than any run is worked on; a card that is older is left as it is."""
WORKING = "Working on it…"
INTERRUPTED = "The agent was restarted while it worked on this. Nothing was lost; ask again."
DONE = "Done; the card above shows it."


class LongWork:
    """Brings open cards to their end."""

    def __init__(
        self,
        *,
        connector: Connector,
        cards: CardInProgressStore,
        runs: Runs,
        start: Start,
        clock: Clock,
        owner: str,
        gone: SurelyGone,
    ) -> None:
        self._connector = connector
        self._cards = cards
        self._runs = runs
        self._start = start
        self._clock = clock
        self._owner = owner
        self._gone = gone
        self._numbers = itertools.count(1)
        self._mine: set[str] = set()
        """Cards that this process is working on."""

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Background work of its own, whatever else has that name."""
        self._start(f"{name} {next(self._numbers)}", work)

    # An answer that takes longer

    async def begun(self, turn: Turn) -> str:
        """Shows a card that says that an answer is being worked on; its id, empty without one.

        Stored before it is shown: whoever is killed in between has told nobody, and is spoken for
        after the restart.
        """
        open_card = self._open_card(turn, "", None, turn.id)
        self._mine.add(open_card.id)
        try:
            await self._cards.put(open_card)
            activity_id = await self._sent(turn, general.working(WORKING))
            await self._cards.put(open_card.model_copy(update={"activity_id": activity_id}))
        except AgentError as error:
            log.warning("card_not_sent", error=str(error))
            return ""
        return activity_id

    async def finish(self, turn: Turn, activity_id: str, reply: Reply) -> None:
        """Shows the answer in the place of that card; or that it is on the card pressed."""
        card = reply.card or general.closed(reply.words)
        open_card = self._open_card(turn, activity_id, None, turn.id)
        replaces = reply.card is not None and turn.pressed is not None and not reply.fresh
        try:
            if replaces:
                await self.replace(turn, reply)
            if not activity_id and (replaces or reply.run_id is not None):
                if not replaces:
                    await self.send(turn, reply)
                await self._cards.remove(open_card.id)
            elif replaces:
                await self._leave(open_card)
            elif reply.run_id is not None:
                await self.follow(turn, activity_id, reply)
                await self._show(open_card, card)
                await self._cards.remove(open_card.id)
            else:
                await self._end(open_card, card)
        finally:
            self._mine.discard(open_card.id)

    async def replace(self, turn: Turn, reply: Reply) -> None:
        """Shows the answer of a press in the place of the pressed card, for all; where that
        cannot be changed, as a new message.
        """
        if turn.pressed is None:
            await self.send(turn, reply)
            return
        card = reply.card or general.closed(reply.words)
        open_card = self._open_card(turn, turn.pressed, None)
        await self.follow(turn, turn.pressed, reply)
        outcome = await self._show(open_card, card, at_once=True)
        if outcome == REFUSED:
            await self.send(turn, reply)
        elif reply.run_id is None and outcome == LATER:
            await self._cards.put(open_card.model_copy(update={"last": card}))
        elif reply.run_id is None:
            # An earlier answer that still waits to be shown there is out of date.
            await self._cards.remove(open_card.id)

    async def send(self, turn: Turn, reply: Reply) -> str:
        """Shows an answer as a new message; its id."""
        activity_id = await self._sent(turn, reply.card or general.closed(reply.words))
        await self.follow(turn, activity_id, reply)
        return activity_id

    async def _sent(self, turn: Turn, card: Card) -> str:
        return await self._connector.send(
            turn.conversation.service_url, turn.thread, card_message(card), at_once=True
        )

    async def _leave(self, open_card: CardInProgress) -> None:
        """Takes away a card that says "working" where the answer is on another one."""
        try:
            await self._connector.delete(
                open_card.service_url, open_card.conversation_id, open_card.activity_id
            )
        except (ConnectorError, AgentError):
            await self._show(open_card, general.closed(DONE))
        await self._cards.remove(open_card.id)

    async def _end(self, open_card: CardInProgress, card: Card) -> None:
        """Shows how a card is to look in the end; if Teams does not take it now, later."""
        if await self._show(open_card, card, at_once=True) == LATER:
            await self._cards.put(open_card.model_copy(update={"last": card}))
        else:
            await self._cards.remove(open_card.id)

    # Runs

    async def follow(self, turn: Turn, activity_id: str, reply: Reply) -> None:
        """Keeps the card of a run up to date, until the run ends."""
        if reply.run_id is None or not activity_id:
            return
        open_card = self._open_card(turn, activity_id, reply.run_id)
        await self._cards.put(open_card)
        self._begin(open_card)

    def _begin(self, open_card: CardInProgress) -> None:
        self._mine.add(open_card.id)
        self._start(f"card {open_card.id}", self._kept(open_card), droppable=True)

    async def _kept(self, open_card: CardInProgress) -> None:
        try:
            await self._end(open_card, await self._followed(open_card))
        finally:
            self._mine.discard(open_card.id)

    async def _followed(self, open_card: CardInProgress) -> Card:
        """Shows a run's progress until it is over; how its card looks then."""
        shown: Card | None = None
        waited = SHOW_SECONDS
        while True:
            try:
                view = await self._runs.progress(open_card.run_id or "")
            except NotFoundError as error:
                return general.closed(str(error))
            card = run_card(view)
            if view.run.state is not RunState.OPEN:
                return card
            if card != shown and waited >= SHOW_SECONDS:
                await self._show(open_card, card)
                shown, waited = card, 0.0
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS

    # After a restart, and at every tick

    async def resume(self) -> None:
        """Touches this worker's cards, and goes on with those that nobody works on."""
        now = self._clock()
        await self._cards.touch(self._owner, now)
        for open_card in await self._cards.list_cards():
            if open_card.owner == self._owner:
                if open_card.id not in self._mine:
                    self._go_on(open_card)
            elif self._is_left(open_card) and await self._cards.take(open_card, self._owner, now):
                self._go_on(open_card)

    def _is_left(self, open_card: CardInProgress) -> bool:
        touched = open_card.touched_at or open_card.created_at
        return self._gone(open_card.owner) or self._clock() - touched > AWAY

    def _go_on(self, open_card: CardInProgress) -> None:
        mine = open_card.model_copy(update={"owner": self._owner, "touched_at": self._clock()})
        if self._clock() - mine.created_at > GIVE_UP:
            self._start(f"card {mine.id}", self._cards.remove(mine.id))
        elif mine.run_id is not None and mine.last is None:
            self._begin(mine)
        else:
            last = mine.last or general.closed(INTERRUPTED)
            self._start(f"card {mine.id}", self._end(mine, dict(last)))

    # Showing

    async def _show(self, open_card: CardInProgress, card: Card, *, at_once: bool = False) -> str:
        """What came of it: SHOWN, REFUSED for good, or LATER when Teams does not answer now."""
        place = (open_card.service_url, open_card.conversation_id)
        activity_id = open_card.activity_id
        try:
            if activity_id:
                body = card_message(card, activity_id)
                await self._connector.update(*place, activity_id, body, at_once=at_once)
            else:
                await self._connector.send(*place, card_message(card), at_once=at_once)
        except ConnectorError as error:
            log.warning("card_not_updated", card=open_card.id, error=str(error))
            return REFUSED if error.permanent or error.fate_unknown else LATER
        except AgentError as error:
            log.warning("card_not_updated", card=open_card.id, error=str(error))
            return LATER
        return SHOWN

    def _open_card(
        self, turn: Turn, activity_id: str, run_id: str | None, key: str = ""
    ) -> CardInProgress:
        now = self._clock()
        return CardInProgress(
            id=f"{turn.thread}|{key or activity_id}",
            conversation_id=turn.thread,
            service_url=turn.conversation.service_url,
            activity_id=activity_id,
            run_id=run_id,
            asked_by=turn.actor.name,
            owner=self._owner,
            created_at=now,
            touched_at=now,
        )


SHOWN, REFUSED, LATER = "shown", "refused", "later"
