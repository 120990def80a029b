"""A Teams simulator: Bot Connector, signing keys, token service, and people who use the bot.

It talks to the agent over HTTP exactly as the Bot Framework does: it posts activities with a signed
token, and serves the Bot Connector's REST calls. Messages of the bot are stored as people see them,
with updates applied. In a channel, each post starts a thread, which is a conversation of its own
(``<channel>;messageid=<post>``): activities in it come from that conversation, and its messages can
only be updated there.
"""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

APP_ID = "11111111-1111-1111-1111-111111111111"
TENANT = "22222222-2222-2222-2222-222222222222"
SECRET = "sim-secret"
BOT = {"id": f"28:{APP_ID}", "name": "AWS Cost Agent"}
ISSUER = "https://api.botframework.com"
CHANNEL_ID = "19:alerts@thread.tacv2"

Where = Literal["personal", "group", "channel"]


@dataclass(frozen=True)
class Person:
    """Somebody in Teams."""

    name: str
    object_id: str
    role: str = "user"
    tenant: str = TENANT

    @property
    def id(self) -> str:
        return f"29:{self.name.lower()}"


ANA = Person("Ana", "aaaaaaaa-0000-0000-0000-000000000001")
BOB = Person("Bob", "aaaaaaaa-0000-0000-0000-000000000002")
CARA = Person("Cara", "aaaaaaaa-0000-0000-0000-000000000005")
"""In the same organization, but neither in the group nor in the channel."""
DAN = Person("Dan", "aaaaaaaa-0000-0000-0000-000000000006")
GUEST = Person("Gil", "aaaaaaaa-0000-0000-0000-000000000003", role="guest")
STRANGER = Person("Sam", "aaaaaaaa-0000-0000-0000-000000000004", tenant="3" * 8)
PEOPLE = {person.id: person for person in (ANA, BOB, CARA, DAN, GUEST, STRANGER)}
TOGETHER = {person.id for person in (ANA, BOB, DAN, GUEST)}
"""Members of the group and of the channel."""


@dataclass
class Message:
    """A message of the bot, as people see it now."""

    id: str
    conversation: str
    body: dict[str, Any]
    version: int = 1
    reply_to: str | None = None
    before: list[dict[str, Any]] = field(default_factory=list)
    """Earlier bodies, oldest first."""

    def as_it_was(self, number: int = 0) -> "Message":
        """An earlier version, as somebody's client may still show it."""
        body = [*self.before, self.body][number]
        return Message(self.id, self.conversation, body, reply_to=self.reply_to)

    @property
    def card(self) -> dict[str, Any]:
        """Its Adaptive Card; empty if it has none."""
        for attachment in self.body.get("attachments") or ():
            if attachment["contentType"] == "application/vnd.microsoft.card.adaptive":
                return dict(attachment["content"])
        return {}

    @property
    def text(self) -> str:
        """All text that it shows."""
        text = "\n".join([str(self.body.get("text") or ""), *texts_of(self.card)]).strip()
        return text.translate(INVISIBLE)


@dataclass
class Fault:
    """A response of the connector other than the usual one."""

    status: int = 429
    headers: dict[str, str] = field(default_factory=dict)
    code: str = "Throttled"
    times: int = 1
    method: str = "POST"
    drop: bool = False
    """Close the connection without a response."""
    shown: bool = False
    """The message is shown nevertheless."""
    path: str = ""
    """A regular expression to find in the path."""
    delay: float = 0.0
    """Seconds before the response."""
    held: asyncio.Event | None = None
    """No response until it is set."""
    usual: bool = False
    """Only delayed: the response itself is the usual one."""
    body: bytes | None = None
    """Instead of an error."""


@dataclass
class Turn:
    """The result of one activity."""

    status: int
    body: Any
    replies: list[Message]


class TeamsSim:
    """The simulator; an async context manager."""

    def __init__(self, bot_url: str = "", *, authenticated: bool = True) -> None:
        self.bot_url = bot_url
        self.authenticated = authenticated
        self.messages: dict[str, Message] = {}
        self.history: list[tuple[str, dict[str, Any]]] = []
        """(message, body) of every update."""
        self.files: dict[str, bytes] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.faults: list[Fault] = []
        self.tokens_given = 0
        self.key_fetches = 0
        self.members: dict[str, set[str]] = {}
        """User IDs by conversation, where they are not the usual ones."""
        self.key = _new_key()
        self.kid = "key-1"
        self.endorsements: list[str] | None = ["msteams"]
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/openid", self._openid)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/login/oauth2/v2.0/token", self._token)
        app.router.add_get("/msi", self._msi)
        app.router.add_post("/v3/conversations", self._create)
        app.router.add_get("/files/{name}", self._file)
        app.router.add_put("/files/{name}", self._stored_file)
        app.router.add_get("/v3/conversations/{cid}/members/{uid}", self._member)
        app.router.add_route("*", "/v3/conversations/{cid}/activities", self._activities)
        app.router.add_route("*", "/v3/conversations/{cid}/activities/{aid}", self._activities)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._http = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()
        await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """Settings that point to this server."""
        return {
            "MicrosoftAppId": APP_ID,
            "MicrosoftAppPassword": SECRET,
            "MicrosoftAppTenantId": TENANT,
            "ADMIN_AAD_OBJECT_IDS": ANA.object_id,
            "TO_BOT_FROM_CHANNEL_OPENID_METADATA_URL": f"{self.url}/openid",
            "TO_CHANNEL_FROM_BOT_LOGIN_URL": f"{self.url}/login",
        }

    # What people do

    async def say(
        self,
        text: str,
        person: Person = ANA,
        where: Where = "personal",
        mentions: Sequence[Person] = (),
        **more: Any,
    ) -> Turn:
        """Write a message; in a group or channel it mentions the bot.

        ``mentions``: people whose ``<at>name</at>`` is in the text.
        """
        return await self.post(self.written(text, person, where, mentions, **more))

    def written(
        self,
        text: str,
        person: Person = ANA,
        where: Where = "personal",
        mentions: Sequence[Person] = (),
        **more: Any,
    ) -> dict[str, Any]:
        """The activity for a message that somebody writes."""
        entities: list[dict[str, Any]] = [
            {
                "type": "mention",
                "mentioned": {"id": mentioned.id, "name": mentioned.name},
                "text": f"<at>{mentioned.name}</at>",
            }
            for mentioned in mentions
        ]
        if where != "personal":
            mention = f"<at>{BOT['name']}</at>"
            entities.append({"type": "mention", "mentioned": BOT, "text": mention})
            text = f"{mention} {text}"
        return self.activity("message", person, where, text=text, entities=entities, **more)

    async def press(
        self,
        message: Message,
        title: str,
        person: Person = ANA,
        inputs: Mapping[str, Any] | None = None,
        *,
        as_submit: bool = False,
    ) -> Turn:
        """Press the button with this title, after filling in the inputs.

        As a client does, it sends the card's inputs along unless the button takes none.
        """
        action = action_of(message.card, title)
        typed: dict[str, Any] = {}
        if action.get("associatedInputs") != "none":
            typed = {**inputs_of(message.card), **(inputs or {})}
        if as_submit:
            data = action["fallback"].get("data", {})
        else:
            data = {"verb": action["verb"], **action.get("data", {})}
        return await self.press_raw(message, {**data, **typed}, person, as_submit=as_submit)

    async def press_raw(
        self,
        message: Message,
        payload: Any,
        person: Person = ANA,
        *,
        as_submit: bool = False,
        **more: Any,
    ) -> Turn:
        """Press a button with any payload."""
        return await self.post(self.pressed(message, payload, person, as_submit=as_submit, **more))

    def pressed(
        self,
        message: Message,
        payload: Any,
        person: Person = ANA,
        *,
        as_submit: bool = False,
        **more: Any,
    ) -> dict[str, Any]:
        """The activity for a press."""
        where = where_of(message.conversation)
        thread = {"thread": message.conversation, "replyToId": message.id, **more}
        if as_submit:
            return self.activity("message", person, where, value=payload, **thread)
        verb = payload.get("verb") if isinstance(payload, Mapping) else None
        action = {"type": "Action.Execute", "verb": verb, "data": payload}
        value = {"action": action, "trigger": "manual"}
        name = "adaptiveCard/action"
        return self.activity("invoke", person, where, name=name, value=value, **thread)

    async def install(self, where: Where = "personal", person: Person = ANA) -> Turn:
        """Add the app."""
        added = self.activity("installationUpdate", person, where, action="add")
        first = await self.post(added)
        members = self.activity("conversationUpdate", person, where, membersAdded=[BOT])
        second = await self.post(members)
        return Turn(second.status, None, [*first.replies, *second.replies])

    async def uninstall(self, where: Where = "personal", person: Person = ANA) -> None:
        """Remove the app."""
        await self.post(self.activity("conversationUpdate", person, where, membersRemoved=[BOT]))
        await self.post(self.activity("installationUpdate", person, where, action="remove"))

    def activity(
        self,
        kind: str,
        person: Person = ANA,
        where: Where = "personal",
        thread: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """An activity as Teams sends it; a channel message starts a thread unless it is in one."""
        conversation = thread or conversation_of(where, person)
        activity_id = f"{time.time_ns()}{next(self._numbers)}"
        if where == "channel" and kind == "message" and thread is None:
            conversation = f"{conversation};messageid={activity_id}"
        kinds = {"personal": "personal", "group": "groupChat", "channel": "channel"}
        channel_data: dict[str, Any] = {"tenant": {"id": person.tenant}}
        if where == "channel":
            channel_data |= {"team": {"id": "19:team"}, "channel": {"id": CHANNEL_ID}}
        return {
            "type": kind,
            "id": activity_id,
            "timestamp": "2026-11-24T09:00:00Z",
            "channelId": "msteams",
            "serviceUrl": self.url,
            "from": {"id": person.id, "name": person.name, "aadObjectId": person.object_id},
            "conversation": {
                "id": conversation,
                "conversationType": kinds[where],
                "isGroup": where != "personal",
                "tenantId": person.tenant,
            },
            "recipient": BOT,
            "channelData": channel_data,
            "locale": "en-US",
            **more,
        }

    async def post(
        self, activity: Mapping[str, Any], header: str | None = None, **more: Any
    ) -> Turn:
        """Post an activity to the bot, with a valid token unless ``header`` is set."""
        before = {message.id: message.version for message in self.messages.values()}
        headers = {}
        if header is not None:
            headers["Authorization"] = header
        elif self.authenticated:
            headers["Authorization"] = f"Bearer {self.token()}"
        async with self._http.post(
            f"{self.bot_url}/api/messages", json=activity, headers=headers, **more
        ) as response:
            raw = await response.read()
            body = None
            if raw and response.content_type == "application/json":
                body = await response.json()
        replies = [
            message
            for message in self.messages.values()
            if before.get(message.id) != message.version
        ]
        return Turn(response.status, body, replies)

    def token(self, key: Any = None, algorithm: str = "RS256", **claims: Any) -> str:
        """A Bot Framework token; None omits a claim."""
        now = int(time.time())
        values = {
            "iss": ISSUER,
            "aud": APP_ID,
            "nbf": now - 10,
            "exp": now + 3600,
            "serviceurl": self.url,
            **claims,
        }
        values = {name: value for name, value in values.items() if value is not None}
        return jwt.encode(values, key or self.key, algorithm, headers={"kid": self.kid})

    def rotate(self) -> None:
        """Rotate the signing key, as the Bot Framework does from time to time."""
        self.key, self.kid = _new_key(), f"key-{next(self._numbers)}"

    async def until(self, condition: Any, seconds: float = 20) -> Any:
        """Wait until a condition is true and return its value."""
        async with asyncio.timeout(seconds):
            while not (value := condition()):
                await asyncio.sleep(0.02)
        return value

    @property
    def newest(self) -> Message:
        return list(self.messages.values())[-1]

    # What the bot calls

    async def _openid(self, request: web.Request) -> web.Response:
        self.key_fetches += 1
        return web.json_response({"issuer": ISSUER, "jwks_uri": f"{self.url}/keys"})

    async def _keys(self, request: web.Request) -> web.Response:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        key = {**public, "kid": self.kid, "use": "sig"}
        if self.endorsements is not None:
            key["endorsements"] = self.endorsements
        return web.json_response({"keys": [key, {"kid": "odd", "kty": "EC"}]})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.tokens_given += 1
        if form.get("client_id") != APP_ID:
            answer = {"error": "unauthorized_client", "error_codes": [700016]}
            return web.json_response(answer, status=400)
        if form.get("client_secret") != SECRET:
            answer = {"error": "invalid_client", "error_codes": [7000215]}
            return web.json_response(answer, status=401)
        return web.json_response({"access_token": "connector-token", "expires_in": 3600})

    async def _msi(self, request: web.Request) -> web.Response:
        self.tokens_given += 1
        if request.headers.get("X-IDENTITY-HEADER") != "msi-header":
            return web.json_response({"error": "invalid"}, status=400)
        return web.json_response({"access_token": "connector-token", "expires_in": "3600"})

    def _fault(self, request: web.Request) -> Fault | None:
        for fault in self.faults:
            fits = fault.method == request.method and re.search(fault.path, request.path)
            if fits and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    async def _faulty(
        self, request: web.Request, usual: Callable[[], web.Response]
    ) -> web.Response:
        """The usual response, or that of a fault."""
        fault = self._fault(request)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        if fault is not None and fault.held:
            await fault.held.wait()
        refused = self._refused(request)
        if refused is not None:
            answer = refused
        elif fault is None or fault.shown or fault.usual:
            answer = usual()
        else:
            answer = web.json_response({})
        if fault is not None and not fault.usual:
            if fault.drop:
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            error = {"error": {"code": fault.code, "message": "fault"}}
            body = json.dumps(error).encode() if fault.body is None else fault.body
            answer = web.Response(
                body=body,
                status=fault.status,
                headers=fault.headers,
                content_type="application/json",
            )
        self.calls.append((request.method, request.path, answer.status))
        return answer

    def _refused(self, request: web.Request) -> web.Response | None:
        if self.authenticated and request.headers.get("Authorization") != "Bearer connector-token":
            return web.json_response({"error": {"code": "Unauthorized"}}, status=401)
        return None

    async def _activities(self, request: web.Request) -> web.Response:
        conversation = request.match_info["cid"]
        body = await request.json() if request.can_read_body else {}
        return await self._faulty(request, lambda: self._apply(request, conversation, body))

    def _apply(
        self, request: web.Request, conversation: str, body: dict[str, Any]
    ) -> web.Response:
        activity_id = request.match_info.get("aid")
        if request.method == "POST":
            if body.get("type") == "typing":
                return web.json_response({})
            name = f"m{next(self._numbers)}"
            if conversation == CHANNEL_ID:
                conversation = f"{CHANNEL_ID};messageid={name}"
            self.messages[name] = Message(name, conversation, body, reply_to=activity_id)
            return web.json_response({"id": name}, status=201)
        message = self.messages.get(activity_id or "")
        if message is None or message.conversation != conversation:
            error = {"error": {"code": "ActivityNotFoundInConversation"}}
            return web.json_response(error, status=404)
        if request.method == "PUT":
            message.before.append(message.body)
            message.body, message.version = body, message.version + 1
            self.history.append((message.id, body))
        elif request.method == "DELETE":
            del self.messages[message.id]
        return web.json_response({"id": message.id})

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        return await self._faulty(request, lambda: self._created(body))

    def _created(self, body: dict[str, Any]) -> web.Response:
        channel = body.get("channelData", {}).get("channel", {}).get("id")
        tenant = body.get("channelData", {}).get("tenant", {}).get("id")
        if channel != CHANNEL_ID or not body.get("isGroup") or tenant != TENANT:
            return web.json_response({"error": {"code": "BadSyntax"}}, status=400)
        name = f"m{next(self._numbers)}"
        thread = f"{channel};messageid={name}"
        self.messages[name] = Message(name, thread, body.get("activity") or {})
        return web.json_response({"id": thread, "activityId": name}, status=201)

    async def _file(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["name"])
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def _stored_file(self, request: web.Request) -> web.Response:
        data = await request.read()
        whole = f"bytes 0-{len(data) - 1}/{len(data)}"
        if request.headers.get("Content-Range") != whole:
            return web.Response(status=416)
        self.files[request.match_info["name"]] = data
        return web.Response(status=201)

    async def _member(self, request: web.Request) -> web.Response:
        return await self._faulty(
            request, lambda: self._known(request.match_info["cid"], request.match_info["uid"])
        )

    def _known(self, conversation: str, user_id: str) -> web.Response:
        usual = TOGETHER if conversation.startswith("19:") else {f"29:{conversation[2:]}"}
        person = PEOPLE.get(user_id)
        if person is None or user_id not in self.members.get(conversation, usual):
            return web.json_response({"error": {"code": "MemberNotFound"}}, status=404)
        return web.json_response(
            {
                "id": person.id,
                "name": person.name,
                "aadObjectId": person.object_id,
                "tenantId": person.tenant,
                "userRole": person.role,
            }
        )


def _new_key() -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def conversation_of(where: Where, person: Person) -> str:
    return {
        "personal": f"a:{person.name.lower()}",
        "group": "19:group@thread.v2",
        "channel": CHANNEL_ID,
    }[where]


def where_of(conversation: str) -> Where:
    if conversation.startswith("a:"):
        return "personal"
    return "channel" if "tacv2" in conversation else "group"


INVISIBLE = str.maketrans({"\u200e": None, "\u00a0": " "})
"""Characters for text direction, and against line breaks."""


def texts_of(card: Any) -> list[str]:
    """All text of a card in order, without its buttons."""
    texts: list[str] = []
    if isinstance(card, Mapping):
        if card.get("type") in {"Action.Execute", "Action.Submit", "Action.OpenUrl"}:
            return []
        if isinstance(card.get("inlines"), list):
            # A person reads the runs as one text.
            return ["".join(run["text"] for run in card["inlines"])]
        keys = ("text", "label", "value") if card.get("type") != "Input.ChoiceSet" else ("label",)
        texts += [card[key] for key in keys if isinstance(card.get(key), str)]
        if isinstance(card.get("title"), str) and "value" in card:
            texts.append(card["title"])
        for key, value in card.items():
            if key != "fallback" and isinstance(value, list | dict):
                texts += texts_of(value)
    elif isinstance(card, list):
        for item in card:
            texts += texts_of(item)
    return texts


def actions_of(card: Any) -> list[dict[str, Any]]:
    """All buttons of a card, including those of nested cards."""
    actions: list[dict[str, Any]] = []
    if isinstance(card, Mapping):
        if str(card.get("type", "")).startswith("Action."):
            actions.append(dict(card))
        for key, value in card.items():
            if key not in {"fallback", "data"} and isinstance(value, list | dict):
                actions += actions_of(value)
    elif isinstance(card, list):
        for item in card:
            actions += actions_of(item)
    return actions


def inputs_of(card: Any) -> dict[str, str]:
    """The initial values of a card's inputs."""
    if isinstance(card, list):
        return {name: value for item in card for name, value in inputs_of(item).items()}
    if not isinstance(card, dict):
        return {}
    if str(card.get("type")).startswith("Input."):
        return {card["id"]: card["value"]} if "value" in card else {}
    return {name: value for inner in card.values() for name, value in inputs_of(inner).items()}


def action_of(card: Any, title: str) -> dict[str, Any]:
    """The button with this title (a regular expression)."""
    for action in actions_of(card):
        if re.fullmatch(title, str(action.get("title", ""))):
            return action
    titles = [action.get("title") for action in actions_of(card)]
    raise AssertionError(f"there is no button {title!r}, only {titles}")
