"""The stored settings."""

from api.endpoints import Call, Endpoints
from api.requests.settings import ConfigRequest
from api.responses.settings import ConfigResponse
from services.administration import SCHEDULE
from services.domain.errors import InvalidError

endpoints = Endpoints("Settings")
READ_ONLY = "smtp_password_set"


@endpoints("get", "/api/config", ConfigResponse)
async def get_config(call: Call) -> ConfigResponse:
    """The stored settings, without the password."""
    return ConfigResponse.model_validate(
        await call.services.app.administration.config.view(call.now)
    )


@endpoints("put", "/api/config", ConfigResponse, body=ConfigRequest, problem_statuses=(409,))
async def put_config(call: Call) -> ConfigResponse:
    """Changes the settings that are sent, all or none. A changed schedule takes effect at once.

    If this week's new time has passed, `skipped_week` says so.
    """
    changes = dict(call.sent_fields)
    if READ_ONLY in changes:
        await _require_unchanged(call, changes.pop(READ_ONLY))
    app = call.services.app
    before = await app.administration.config.view(call.now)
    config = await app.administration.config.change(changes, call.caller.actor, call.now)
    if any(config[name] != before[name] for name in SCHEDULE):
        config["skipped_week"] = await app.runs.requests.skipped_week(call.now)
    return ConfigResponse.model_validate(config)


async def _require_unchanged(call: Call, sent: bool) -> None:
    """Accept the read-only field with its present value, so that GET's response can be sent back.

    Ignoring another value would look like obeying it.
    """
    is_set = bool((await call.services.app.administration.config.view(call.now))[READ_ONLY])
    if sent != is_set:
        now = "true" if is_set else "false"
        reason = f"is read-only and is {now} now; send smtp_password to change the password"
        raise InvalidError(
            f"The settings were not changed: {READ_ONLY} {reason}.", [(READ_ONLY, reason)]
        )
