"""The stored settings."""

from api import answers
from api.endpoints import Call, Endpoints
from api.inputs import ConfigBody
from services.domain.errors import InvalidError

endpoints = Endpoints("Settings")
READ_ONLY = "smtp_password_set"


@endpoints("get", "/api/config", answers.ConfigAnswer)
async def get_config(call: Call) -> answers.ConfigAnswer:
    """The stored settings, without the password."""
    return answers.ConfigAnswer.model_validate(await call.services.config.view(call.now))


@endpoints("put", "/api/config", answers.ConfigAnswer, body=ConfigBody, problems=(409,))
async def put_config(call: Call) -> answers.ConfigAnswer:
    """Changes the settings that are given, all or none. Another schedule counts at once."""
    given = dict(call.given)
    if READ_ONLY in given:
        await _must_be_as_it_is(call, given.pop(READ_ONLY))
    changed = await call.services.config.change(given, call.caller.actor, call.now)
    return answers.ConfigAnswer.model_validate(changed)


async def _must_be_as_it_is(call: Call, said: bool) -> None:
    """An answer of GET may be sent back as it is; whoever wants another password sends that."""
    is_set = bool((await call.services.config.view(call.now))[READ_ONLY])
    if said != is_set:
        now = "true" if is_set else "false"
        reason = f"is {now} and only read; send smtp_password to change the password"
        raise InvalidError(
            f"The settings were not changed: {READ_ONLY} {reason}.", [(READ_ONLY, reason)]
        )
