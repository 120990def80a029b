"""Cards that change after their turn: answers that take longer, and runs at work.

Each such card is kept in the store until its end, so that a restart brings it to its end too: a
run's card is followed again, an interrupted answer says so.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import structlog

from bot.adapter import card_message
from bot.connector import Connector, ConnectorError
from bot.handlers.reports import run_card
from bot.turn import Card, Reply, Turn
from cards import general
from services.errors import AgentError, NotFoundError
from services.model import OpenCard, RunState
from services.ports import Clock, OpenCardStore, SurelyGone
from services.runs import Runs

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""Between two looks at a run that a card shows."""
SHOW_SECONDS = 3.0
"""At least so long stands between two updates of a card, as Teams limits them."""
INTERRUPTED = "The agent was restarted while it worked on this. Nothing was lost; ask again."


class Start(Protocol):
    """Starts named background work."""

    def __call__(
        self, name: str, work: Coroutine[Any, Any, None], *, droppable: bool = False
    ) -> object: ...


class LongWork:
    """Brings open cards to their end."""

    def __init__(
        self,
        *,
        connector: Connector,
        cards: OpenCardStore,
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

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Background work with an owner."""
        self._start(name, work)

    async def begun(self, turn: Turn, activity_id: str) -> None:
        """A card says that an answer is being worked on."""
        await self._cards.put(self._open_card(turn, activity_id, None))

    async def finish(self, turn: Turn, activity_id: str, reply: Reply) -> None:
        """Shows the answer in the place of that card, or as a new message without one."""
        card = reply.card or general.closed(reply.words)
        where = turn.conversation
        if activity_id:
            open_card = self._open_card(turn, activity_id, reply.run_id)
            await self._show(open_card, card)
            if reply.run_id is None:
                await self._cards.remove(open_card.id)
        else:
            body = card_message(card)
            activity_id = await self._connector.send(where.service_url, where.id, body)
        self.follow(turn, activity_id, reply)

    def follow(self, turn: Turn, activity_id: str, reply: Reply) -> None:
        """Keeps the card of a run up to date, until the run ends."""
        if reply.run_id is None or not activity_id:
            return
        open_card = self._open_card(turn, activity_id, reply.run_id)
        self._start(f"card {open_card.id}", self._kept(open_card), droppable=True)

    async def resume(self) -> None:
        """Takes over the cards of workers that are gone, at the start."""
        for open_card in await self._cards.list_cards():
            if open_card.owner != self._owner and not self._gone(open_card.owner):
                continue
            mine = open_card.model_copy(update={"owner": self._owner})
            if mine.run_id is not None:
                self._start(f"card {mine.id}", self._kept(mine), droppable=True)
            else:
                await self._show(mine, general.closed(INTERRUPTED))
                await self._cards.remove(mine.id)

    async def _kept(self, open_card: OpenCard) -> None:
        await self._cards.put(open_card)
        await self._followed(open_card)
        await self._cards.remove(open_card.id)

    async def _followed(self, open_card: OpenCard) -> None:
        shown: Card | None = None
        waited = SHOW_SECONDS
        while True:
            try:
                view = await self._runs.progress(open_card.run_id or "")
            except NotFoundError as error:
                await self._show(open_card, general.closed(str(error)))
                return
            card, over = run_card(view), view.run.state is not RunState.OPEN
            if card != shown and (over or waited >= SHOW_SECONDS):
                await self._show(open_card, card)
                shown, waited = card, 0.0
            if over:
                return
            await asyncio.sleep(LOOK_SECONDS)
            waited += LOOK_SECONDS

    async def _show(self, open_card: OpenCard, card: Card) -> None:
        """A card that cannot be shown is left; its run goes on all the same."""
        try:
            await self._connector.update(
                open_card.service_url,
                open_card.conversation_id,
                open_card.activity_id,
                card_message(card, open_card.activity_id),
            )
        except (ConnectorError, AgentError) as error:
            log.warning("card_not_updated", card=open_card.id, error=str(error))

    def _open_card(self, turn: Turn, activity_id: str, run_id: str | None) -> OpenCard:
        where = turn.conversation
        return OpenCard(
            id=f"{where.id}|{activity_id}",
            conversation_id=where.id,
            service_url=where.service_url,
            activity_id=activity_id,
            run_id=run_id,
            asked_by=turn.actor.name,
            owner=self._owner,
            created_at=self._clock(),
        )
