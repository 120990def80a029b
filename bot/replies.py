"""How a reply reaches the screen, on time and in the right place."""

import asyncio
import itertools
from collections.abc import Coroutine
from typing import Any

from bot.cards_in_progress import CardsInProgress, Outcome
from bot.pacing import TEAMS_PACE
from bot.turn import Card, Reply, Turn
from cards import general
from services.domain import CardInProgress
from services.ports import Start


class Replies:
    """Shows the replies of turns."""

    def __init__(
        self, cards: CardsInProgress, start: Start, ack_seconds: float = TEAMS_PACE.ack_seconds
    ) -> None:
        self._cards = cards
        self._start = start
        self._ack_seconds = ack_seconds
        self._numbers = itertools.count(1)

    async def in_time(self, turn: Turn, work: Coroutine[Any, Any, Reply]) -> Reply | None:
        """The reply if it is ready soon; otherwise None, and it is shown when it is ready."""
        task = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({task}, timeout=self._ack_seconds)
        if done:
            return task.result()
        self._start_numbered("answer", self._show_late(turn, task))
        return None

    async def _show_late(self, turn: Turn, task: "asyncio.Future[Reply]") -> None:
        working = await self._cards.begin(turn)
        try:
            await self._show(turn, await task, working)
        finally:
            self._cards.release(working)

    async def show(self, turn: Turn, reply: Reply) -> None:
        """Show a reply; if Teams is slow, this continues after the turn.

        If Teams does not accept the reply, what was done stays done.
        """
        task = asyncio.ensure_future(self._show(turn, reply, None))
        done, _ = await asyncio.wait({task}, timeout=self._ack_seconds)
        if done:
            task.result()
        else:
            self._start_numbered("showing", _finish(task))

    async def _show(self, turn: Turn, reply: Reply, working: CardInProgress | None) -> None:
        """The one path on which a reply reaches the screen, and a pressed card is redrawn.

        Teams shows the card in the response of an ``adaptiveCard/action`` invoke to the person
        who pressed, and to nobody else; everyone else keeps the old card until the message is
        updated under its ID, the ``replyToId`` of the press (Microsoft's Universal Action model).
        So each press is answered twice: ``bot.turns`` responds to the invoke, and this updates
        the message. A client that sends ``Action.Submit`` gets no response at all and sees only
        this update.

        A reply goes, in this order, to the pressed card (unless it is a message of its own), to
        the ``working`` card that this turn has put up, or to a new message. The next is used when
        somebody has deleted the message or Teams refuses to update it.

        The cards of an alert are kept current in all conversations by ``services.alerts``, which
        records what each one shows.
        """
        content = reply.card or general.closed(reply.text)
        if reply.replaces_pressed_card and turn.pressed_message_id is not None:
            pressed = self._cards.card(turn, turn.pressed_message_id)
            if await self._draw(turn, pressed, content, reply) is not Outcome.REFUSED:
                if working is not None:
                    await self._cards.withdraw(working)
                return
        await self._draw(turn, working or self._cards.card(turn), content, reply)

    async def _draw(
        self, turn: Turn, card: CardInProgress, content: Card, reply: Reply
    ) -> Outcome:
        if reply.run_id is None:
            return await self._cards.settle(card, content, at_once=True)
        return await self._cards.follow(turn, card, content, reply.run_id)

    def _start_numbered(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Background work; the number tells apart what runs at the same time for other turns."""
        self._start(f"{name} {next(self._numbers)}", work)


async def _finish(task: "asyncio.Future[None]") -> None:
    await task
