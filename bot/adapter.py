"""botbuilder-core's adapter seam over our own connector, so that turns need no SDK networking."""

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
    """Runs turns and sends what they answer."""

    def __init__(self, connector: Connector) -> None:
        super().__init__()
        self._connector = connector

    async def process(
        self, body: Mapping[str, Any], callback: Callback
    ) -> tuple[int, dict[str, Any] | None] | None:
        """One turn; for an invoke (status, body) of its answer, else None."""
        activity = _for_dispatch(body)
        context = TurnContext(self, activity)
        context.turn_state["raw"] = body
        await self.run_pipeline(context, callback)
        if activity.type != ActivityTypes.invoke:
            return None
        answer = context.turn_state.get(self._INVOKE_RESPONSE_KEY)
        if answer is None:
            return 501, None
        response: InvokeResponse = answer.value
        return response.status, response.body

    async def send_activities(
        self, context: TurnContext, activities: list[Activity]
    ) -> list[ResourceResponse]:
        """Sends them in order."""
        sent = []
        for activity in activities:
            if activity.type == INVOKE_RESPONSE:
                context.turn_state[self._INVOKE_RESPONSE_KEY] = activity
                sent.append(ResourceResponse())
                continue
            activity_id = await self._connector.send(
                activity.service_url,
                activity.conversation.id,
                message_body(activity),
                activity.reply_to_id,
                at_once=True,
            )
            sent.append(ResourceResponse(id=activity_id))
        return sent

    async def update_activity(self, context: TurnContext, activity: Activity) -> ResourceResponse:
        """Replaces a message that was sent."""
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
        """Removes a message that was sent."""
        await self._connector.delete(
            reference.service_url, reference.conversation.id, reference.activity_id
        )


def _for_dispatch(body: Mapping[str, Any]) -> Activity:
    """What the SDK needs to find the handler and to answer.

    The handlers read the activity as it came: the SDK's classes lose fields, take half a
    millisecond, and refuse whole activities for one odd field that nobody reads.
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
    """A message that shows a card, as the connector sends it."""
    body = {
        "type": "message",
        "summary": str(card.get("fallbackText") or "")[:200],
        "attachments": [{"contentType": CARD, "content": card}],
    }
    return {**body, "id": activity_id} if activity_id else body


def message_body(activity: Activity) -> dict[str, Any]:
    """A message as JSON; cards are plain dicts and stay out of the SDK's slow serialiser."""
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
        "attachments": [_attachment(one) for one in activity.attachments or ()] or None,
    }
    return {name: value for name, value in body.items() if value is not None}


def _account(account: Any) -> dict[str, str] | None:
    return {"id": account.id} if account is not None and account.id else None


def _attachment(attachment: Any) -> dict[str, Any]:
    body = {"contentType": attachment.content_type, "content": attachment.content}
    return {**body, "name": attachment.name} if attachment.name else body
