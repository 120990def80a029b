"""Builds the Teams interface over an application."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from bot.adapter import TeamsAdapter
from bot.alerts import TeamsNotifier
from bot.authenticator import Authenticator
from bot.cards_in_progress import CardsInProgress
from bot.chat import Chat
from bot.client import open_client
from bot.commands import COMMANDS
from bot.connector import Connector
from bot.endpoint import MessagesEndpoint
from bot.files import Files
from bot.pacing import Pace
from bot.people import People
from bot.replies import Replies
from bot.turns import CostBot, TurnServices
from services.application import Application
from services.ports import AccessTokens, HttpClient, Meter, Start, Store
from services.settings import ProxySettings, TeamsAppSettings


class TeamsClient:
    """What the bot sends with; alerts are posted through it too."""

    def __init__(self, http: HttpClient, tokens: AccessTokens | None, pace: Pace) -> None:
        self.http = http
        self.tokens = tokens
        self.pace = pace
        self.connector = Connector(http, tokens, pace=pace)
        self.notifier = TeamsNotifier(self.connector)


@asynccontextmanager
async def open_teams_client(
    meter: Meter, proxies: ProxySettings, tokens: AccessTokens | None, pace: Pace
) -> AsyncIterator[TeamsClient]:
    """Open a client whose connections live as long as the block."""
    async with open_client(meter, proxies) as http:
        yield TeamsClient(http, tokens, pace)


@dataclass(frozen=True, slots=True)
class Bot:
    """The Teams interface."""

    handle: Callable[[web.Request], Awaitable[web.Response]]
    """The handler of ``/api/messages``."""
    cards_in_progress: CardsInProgress


def build_bot(
    app: Application, client: TeamsClient, store: Store, settings: TeamsAppSettings, start: Start
) -> Bot:
    """Build the bot; ``start`` starts owned background work."""
    context, administration = app.context, app.administration
    cards = CardsInProgress(
        connector=client.connector,
        store=store.cards_in_progress,
        runs=app.runs.views,
        start=start,
        clock=context.clock,
        owner=context.worker,
        is_worker_dead=context.is_worker_dead,
    )
    people = People(client.connector, context.clock, local=settings.app_id is None)
    chat = Chat(
        app,
        people,
        Files(client.http, client.connector),
        store.pending_imports,
        client.notifier,
        start,
    )
    services = TurnServices(
        roles=administration.roles,
        people=people,
        conversations=administration.conversations,
        chat=chat,
        replies=Replies(cards, start, client.pace.ack_seconds),
        clock=context.clock,
        source=context.source,
    )
    endpoint = MessagesEndpoint(
        TeamsAdapter(client.connector),
        Authenticator(settings, client.http, context.clock),
        CostBot(COMMANDS, services).on_turn,
        start,
    )
    return Bot(endpoint.handle, cards)
