"""Cards that change after their turn: slow replies, and runs whose progress a card shows.

A turn has about 15 seconds: then Teams gives up and sends the activity again. Anything longer
is acknowledged with a card, and the card is updated when the work is done.

Each such card is stored until it is finished, so that it is finished after a restart too: the
card of a run is followed again, and an interrupted answer says that it was interrupted. The cards
of a worker that has died, or has not been seen for a while, are taken over by another worker.
"""

import asyncio
from datetime import timedelta
from enum import StrEnum

import structlog

from bot.adapter import card_message
from bot.connector import Connector
from bot.connector_errors import ConnectorError
from bot.handlers.reports import run_card
from bot.turn import Card, Turn
from cards import general
from services.domain import CardInProgress, RunState
from services.domain.errors import AgentError, NotFoundError
from services.ports import CardInProgressStore, Clock, IsWorkerDead, Start
from services.runs import RunViews

log = structlog.get_logger()

POLL_SECONDS = 1.0
"""Between two reads of a run that a card shows."""
MIN_UPDATE_SECONDS = 3.0
"""Between two updates of a card: Microsoft's limit for a bot is 60 in 30 s per conversation, shared
with everything else that is said there.
"""
OWNER_TIMEOUT = timedelta(minutes=3)
"""A worker that has not touched its cards for this long is dead; it touches them at each tick."""
MAX_AGE = timedelta(days=4)
"""Longer than any run takes; an older card is no longer updated."""
WORKING = "Working on it…"
INTERRUPTED = "The agent was restarted while it worked on this. Nothing was lost; ask again."
DONE = "Done; the card above shows it."


class Outcome(StrEnum):
    """What became of an attempt to show a card."""

    SHOWN = "shown"
    REFUSED = "refused"
    """Teams will never accept it, or may have shown it already: it must not be sent again."""
    LATER = "later"
    """Teams cannot be reached now."""


class CardsInProgress:
    """Finishes the cards in progress of this worker."""

    def __init__(
        self,
        *,
        connector: Connector,
        store: CardInProgressStore,
        runs: RunViews,
        start: Start,
        clock: Clock,
        owner: str,
        is_worker_dead: IsWorkerDead,
    ) -> None:
        self._connector = connector
        self._store = store
        self._runs = runs
        self._start = start
        self._clock = clock
        self._owner = owner
        self._is_worker_dead = is_worker_dead
        self._active: set[str] = set()
        """IDs of the cards that this process is working on now."""

    def card(self, turn: Turn, activity_id: str = "") -> CardInProgress:
        """A card of this turn, not stored yet; without ``activity_id`` its message is still to be
        sent, and the turn's ID stands for it.
        """
        now = self._clock()
        return CardInProgress(
            id=f"{turn.thread}|{activity_id or turn.id}",
            conversation_id=turn.thread,
            service_url=turn.conversation.service_url,
            activity_id=activity_id,
            asked_by=turn.actor.name,
            owner=self._owner,
            created_at=now,
            touched_at=now,
        )

    # A slow answer

    async def begin(self, turn: Turn) -> CardInProgress:
        """Show that a reply is being prepared. The card has no ``activity_id`` if it could not
        be sent.

        It is stored before it is sent: if the process is killed between the two, the restarted
        process still says that the answer was interrupted.
        """
        card = self.card(turn)
        self._active.add(card.id)
        try:
            await self._store.put(card)
            outcome, activity_id = await self.draw(card, general.working(WORKING), at_once=True)
            if outcome is Outcome.SHOWN:
                card = card.model_copy(update={"activity_id": activity_id})
                await self._store.put(card)
        except AgentError as error:
            log.warning("card_not_sent", card=card.id, error=str(error))
        return card

    def release(self, card: CardInProgress) -> None:
        """End the work of this process on the card; if it is still stored, ``resume`` finishes it."""
        self._active.discard(card.id)

    async def withdraw(self, card: CardInProgress) -> None:
        """Remove a "working" card whose reply is shown on another card."""
        if card.activity_id:
            try:
                await self._connector.delete(
                    card.service_url, card.conversation_id, card.activity_id
                )
            except AgentError:
                # Not every client of the Bot Connector protocol can delete: the Microsoft 365
                # Agents Playground answers 501.
                await self.draw(card, general.closed(DONE))
        await self._store.remove(card.id)

    async def settle(
        self, card: CardInProgress, content: Card, *, at_once: bool = False
    ) -> Outcome:
        """Show the final content; if Teams cannot be reached, it is stored and shown later."""
        outcome, _ = await self.draw(card, content, at_once=at_once)
        if outcome is Outcome.LATER:
            await self._store.put(card.model_copy(update={"last": content}))
        elif card.activity_id or card.id in self._active:
            # Stored, or an earlier press has stored content that Teams did not take then. An
            # ordinary new message is not stored and spares the database a call.
            await self._store.remove(card.id)
        return outcome

    # A run

    async def follow(
        self, turn: Turn, card: CardInProgress, content: Card, run_id: str
    ) -> Outcome:
        """Show a run and keep the card current until the run ends."""
        outcome, activity_id = Outcome.SHOWN, card.activity_id
        if not activity_id:
            outcome, activity_id = await self.draw(card, content, at_once=True)
            if outcome is not Outcome.SHOWN:
                return outcome  # without the ID of a message there is nothing to update
        followed = self.card(turn, activity_id).model_copy(update={"run_id": run_id})
        # Before it is drawn, so that a restart in between does not leave a question on it.
        await self._store.put(followed)
        self._start_following(followed)
        if card.activity_id:
            outcome, _ = await self.draw(followed, content, at_once=True)
        if followed.id != card.id:
            await self._store.remove(card.id)
        return outcome

    def _start_following(self, card: CardInProgress) -> None:
        self._active.add(card.id)
        self._start(f"card {card.id}", self._follow_to_end(card), droppable=True)

    async def _follow_to_end(self, card: CardInProgress) -> None:
        try:
            await self.settle(card, await self._updated_until_end(card))
        finally:
            self._active.discard(card.id)

    async def _updated_until_end(self, card: CardInProgress) -> Card:
        """Update a run's card until the run ends; return the final content."""
        shown: Card | None = None
        waited = MIN_UPDATE_SECONDS
        while True:
            try:
                view = await self._runs.progress(card.run_id or "")
            except NotFoundError as error:
                return general.closed(str(error))
            content = run_card(view)
            if view.run.state is not RunState.OPEN:
                return content
            if content != shown and waited >= MIN_UPDATE_SECONDS:
                await self.draw(card, content)
                shown, waited = content, 0.0
            await asyncio.sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    # After a restart, and at every tick

    async def resume(self) -> None:
        """Touch this worker's cards, and resume those that nobody is working on."""
        now = self._clock()
        await self._store.touch(self._owner, now)
        for card in await self._store.list_cards():
            if card.owner == self._owner:
                if card.id not in self._active:
                    self._resume_card(card)
            elif self._is_abandoned(card) and await self._store.take(card, self._owner, now):
                self._resume_card(card)

    def _is_abandoned(self, card: CardInProgress) -> bool:
        touched = card.touched_at or card.created_at
        return self._is_worker_dead(card.owner) or self._clock() - touched > OWNER_TIMEOUT

    def _resume_card(self, card: CardInProgress) -> None:
        card = card.model_copy(update={"owner": self._owner, "touched_at": self._clock()})
        if self._clock() - card.created_at > MAX_AGE:
            self._start(f"card {card.id}", self._store.remove(card.id))
        elif card.run_id is not None and card.last is None:
            self._start_following(card)
        else:
            content = card.last or general.closed(INTERRUPTED)
            self._start(f"card {card.id}", self._settle_in_background(card, dict(content)))

    async def _settle_in_background(self, card: CardInProgress, content: Card) -> None:
        self._active.add(card.id)
        try:
            await self.settle(card, content)
        finally:
            self._active.discard(card.id)

    # Showing

    async def draw(
        self, card: CardInProgress, content: Card, *, at_once: bool = False
    ) -> tuple[Outcome, str]:
        """Replace the card's message, or send it if there is none yet; return the outcome and the
        message's ID (empty if none was sent).
        """
        place, activity_id = (card.service_url, card.conversation_id), card.activity_id
        try:
            if activity_id:
                body = card_message(content, activity_id)
                await self._connector.update(*place, activity_id, body, at_once=at_once)
            else:
                activity_id = await self._connector.send(
                    *place, card_message(content), at_once=at_once
                )
        except AgentError as error:
            if activity_id:
                log.warning("card_not_updated", card=card.id, error=str(error))
            else:
                log.warning("card_not_sent", card=card.id, error=str(error))
            final = isinstance(error, ConnectorError) and (error.permanent or error.fate_unknown)
            return (Outcome.REFUSED if final else Outcome.LATER), activity_id
        return Outcome.SHOWN, activity_id
