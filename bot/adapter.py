"""The adapter that botbuilder-core asks for, over our own connector.

The SDK's ``CloudAdapter`` is not used: in 4.17.1 it answers 500 to every card action, as it
serializes the response twice, and it builds a connector and fetches a token on every turn. What
is left of the SDK is the dispatch of ``TeamsActivityHandler``.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from botbuilder.core import BotAdapter, TurnContext
from botbuilder.schema import (
    Activity,
    ActivityTypes,
    ChannelAccount,
    ConversationAccount,
    ConversationReference,
    InvokeResponse,
    ResourceResponse,
)

from bot.connector import Connector

INVOKE_RESPONSE = "invokeResponse"
Callback = Callable[[TurnContext], Awaitable[None]]


class TeamsAdapter(BotAdapter):  # type: ignore[misc] # the SDK ships no types
    """Runs turns and sends their activities."""

    def __init__(self, connector: Connector) -> None:
        super().__init__()
        self._connector = connector

    async def process(
        self, body: Mapping[str, Any], callback: Callback
    ) -> tuple[int, dict[str, Any] | None] | None:
        """Run a turn; return (status, body) of the response to an invoke, else None."""
        activity = _for_dispatch(body)
        context = TurnContext(self, activity)
        context.turn_state["raw"] = body
        await self.run_pipeline(context, callback)
        if activity.type != ActivityTypes.invoke:
            return None
        sent = context.turn_state.get(self._INVOKE_RESPONSE_KEY)
        if sent is None:
            return 501, None
        response: InvokeResponse = sent.value
        return response.status, response.body

    async def send_activities(
        self, context: TurnContext, activities: list[Activity]
    ) -> list[ResourceResponse]:
        """Send activities in order."""
        responses = []
        for activity in activities:
            if activity.type == INVOKE_RESPONSE:
                # The response of an invoke goes into the HTTP response, not to the connector.
                context.turn_state[self._INVOKE_RESPONSE_KEY] = activity
                responses.append(ResourceResponse())
                continue
            activity_id = await self._connector.send(
                activity.service_url,
                activity.conversation.id,
                message_body(activity),
                activity.reply_to_id,
                at_once=True,
            )
            responses.append(ResourceResponse(id=activity_id))
        return responses

    async def update_activity(self, context: TurnContext, activity: Activity) -> ResourceResponse:
        """Replace a message that was sent."""
        await self._connector.update(
            activity.service_url,
            activity.conversation.id,
            activity.id,
            message_body(activity),
            at_once=True,
        )
        return ResourceResponse(id=activity.id)

    async def delete_activity(
        self, context: TurnContext, reference: ConversationReference
    ) -> None:
        """Delete a message that was sent."""
        await self._connector.delete(
            reference.service_url, reference.conversation.id, reference.activity_id
        )


def _for_dispatch(body: Mapping[str, Any]) -> Activity:
    """The fields that the SDK needs to find the handler and to answer.

    The handlers read the activity as it arrived: the SDK's classes lose fields, take half a
    millisecond to fill (measured), and reject a whole activity for one malformed field that
    nobody reads.
    """

    def text(name: str) -> str | None:
        value = body.get(name)
        return value if isinstance(value, str) else None

    sender, recipient = body["from"]["id"], body["recipient"].get("id")
    return Activity(
        type=body["type"],
        id=text("id"),
        name=text("name"),
        text=text("text"),
        action=text("action"),
        channel_id=text("channelId"),
        service_url=text("serviceUrl"),
        from_property=ChannelAccount(id=sender),
        recipient=ChannelAccount(id=recipient if isinstance(recipient, str) else ""),
        conversation=ConversationAccount(id=body["conversation"]["id"]),
    )


CARD = "application/vnd.microsoft.card.adaptive"


def card_message(card: Mapping[str, Any], activity_id: str | None = None) -> dict[str, Any]:
    """A message with a card, as the connector sends it."""
    body = {
        "type": "message",
        "summary": str(card.get("fallbackText") or "")[:200],
        "attachments": [{"contentType": CARD, "content": card}],
    }
    return {**body, "id": activity_id} if activity_id else body


def message_body(activity: Activity) -> dict[str, Any]:
    """A message as JSON. Cards stay plain dicts: the SDK takes 12 ms to serialize one of 18 KB, and
    ``json.dumps`` half a millisecond (measured).
    """
    body = {
        "type": activity.type,
        "id": activity.id,
        "text": activity.text,
        "textFormat": activity.text_format,
        "summary": activity.summary,
        "channelData": activity.channel_data,
        "replyToId": activity.reply_to_id,
        "from": _account(activity.from_property),
        "recipient": _account(activity.recipient),
        "conversation": _account(activity.conversation),
        "attachments": [_attachment(attachment) for attachment in activity.attachments or ()]
        or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _account(account: Any) -> dict[str, str] | None:
    return {"id": account.id} if account is not None and account.id else None


def _attachment(attachment: Any) -> dict[str, Any]:
    body = {"contentType": attachment.content_type, "content": attachment.content}
    return {**body, "name": attachment.name} if attachment.name else body
