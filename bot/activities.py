"""Reads Teams activities as they arrived; the SDK's classes lose fields.

The msrest models of botbuilder-schema 4.17 drop unknown fields, such as the text of a mention, and
never read ``tenantId`` of a conversation, as they map it to ``tenantID``.
"""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from bot.authenticator import tenant_of
from bot.words import quoted_message_ids
from services.domain import Conversation

FILE = "application/vnd.microsoft.teams.file.download.info"
MESSAGE, EDITED_MESSAGE = "message", "messageUpdate"
DELETED = {"channelDeleted": "channel", "teamDeleted": "team", "teamHardDeleted": "team"}
"""Event of Teams: the part of ``channelData`` that names what was deleted. A team's General
channel has the ID of the team.
"""
MAX_TITLE = 100
MAX_FILE_NAME = 200
Activity = Mapping[str, Any]
Kind = Literal["personal", "group", "channel"]
KINDS: dict[str, Kind] = {"personal": "personal", "groupChat": "group", "channel": "channel"}


def bot_id_of(activity: Activity) -> str:
    """The recipient of an activity: the bot's own ID."""
    return str(activity["recipient"].get("id") or "")


def is_bot_among(members: Any, activity: Activity) -> bool:
    """Whether the bot is in a list of members that were added or removed."""
    bot_id = bot_id_of(activity)
    return isinstance(members, list) and any(
        isinstance(member, dict) and member.get("id") == bot_id for member in members
    )


def activity_id_of(activity: Activity) -> str:
    """The same for every copy of an activity, and different for every other; empty without an ID.

    A message keeps its ID when its author edits it: what tells the two apart is the text.
    """
    activity_id = activity.get("id")
    if not isinstance(activity_id, str) or not activity_id:
        return ""
    if activity.get("type") not in {MESSAGE, EDITED_MESSAGE}:
        return activity_id
    return f"{activity_id}|{hashlib.sha256(repr(activity.get('text')).encode()).hexdigest()[:16]}"


def turn_id_of(activity: Activity) -> str:
    """Like ``activity_id_of``, and unique across conversations."""
    activity_id = activity_id_of(activity)
    if not activity_id:
        return secrets.token_hex(12)
    key = f"{activity['conversation']['id']}|{activity_id}"
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def messages_before(activity: Activity) -> list[str]:
    """The messages that a message is about: those it quotes, then the one whose thread it is in."""
    quoted = quoted_message_ids(activity.get("text"), activity.get("entities"))
    _, _, thread = activity["conversation"]["id"].partition(";messageid=")
    return [*quoted, thread] if thread else quoted


def is_edited(activity: Activity) -> bool:
    """Whether somebody edited a message, and did not only restore it."""
    return _event_of(activity) == "editMessage"


def deleted_conversation(activity: Activity) -> str:
    """The ID of the channel that was deleted, or of the General channel of a deleted team; or empty."""
    noun = DELETED.get(_event_of(activity))
    data = activity.get("channelData")
    deleted = data.get(noun) if noun and isinstance(data, dict) else None
    deleted_id = deleted.get("id") if isinstance(deleted, dict) else None
    return deleted_id if isinstance(deleted_id, str) else ""


def _event_of(activity: Activity) -> str:
    data = activity.get("channelData")
    event = data.get("eventType") if isinstance(data, dict) else None
    return event if isinstance(event, str) else ""


def press_of(activity: Activity) -> Any:
    """The data of a pressed ``Action.Execute`` with its verb."""
    value = activity.get("value")
    action = value.get("action") if isinstance(value, dict) else None
    if not isinstance(action, dict):
        return None
    data = action.get("data")
    return {"verb": action.get("verb"), **(data if isinstance(data, dict) else {})}


def conversation_of(activity: Activity, now: datetime) -> Conversation:
    """The conversation of an activity, without its thread.

    Teams appends ``;messageid=`` and the ID of the first message to a channel's ID.
    """
    account = activity["conversation"]
    channel_data = activity.get("channelData")
    data = channel_data if isinstance(channel_data, dict) else {}
    conversation_id = account["id"].partition(";")[0]
    kind = _kind(account.get("conversationType"), conversation_id, data)
    return Conversation(
        id=conversation_id,
        kind=kind,
        service_url=str(activity.get("serviceUrl") or "").rstrip("/"),
        tenant_id=tenant_of(activity),
        bot_id=bot_id_of(activity),
        title=_title(account, data, conversation_id),
        with_id=_object_id(activity) if kind == "personal" else "",
        updated_at=now,
    )


def files_of(activity: Activity) -> list[tuple[str, str]]:
    """(name, download URL) of attached files."""
    files = []
    attachments = activity.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else []:
        if isinstance(attachment, dict) and attachment.get("contentType") == FILE:
            content = attachment.get("content")
            url = content.get("downloadUrl") if isinstance(content, dict) else None
            if isinstance(url, str):
                files.append((str(attachment.get("name") or "")[:MAX_FILE_NAME], url))
    return files


def _object_id(activity: Activity) -> str:
    """The Entra object ID of the sender; empty where Teams omits it."""
    sender = activity.get("from")
    object_id = sender.get("aadObjectId") if isinstance(sender, dict) else None
    return object_id if isinstance(object_id, str) else ""


def _kind(conversation_type: Any, conversation_id: str, data: Mapping[str, Any]) -> Kind:
    """Where Teams omits the type, the shape of the ID and the presence of a team decide."""
    if isinstance(conversation_type, str) and conversation_type in KINDS:
        return KINDS[conversation_type]
    if not conversation_id.startswith("19:"):
        return "personal"
    return "channel" if data.get("team") else "group"


def _title(account: Mapping[str, Any], data: Mapping[str, Any], conversation_id: str) -> str:
    """What people call the conversation.

    The ID of a team's General channel is the ID of the team, and Teams names only the team.
    """
    channel, team = data.get("channel"), data.get("team")
    names = [account.get("name"), channel.get("name") if isinstance(channel, dict) else None]
    if isinstance(team, dict) and team.get("id") == conversation_id:
        names.append(team.get("name"))
    return next((name[:MAX_TITLE] for name in names if isinstance(name, str) and name), "")
