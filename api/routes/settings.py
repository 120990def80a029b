"""The stored settings."""

from api import answers
from api.endpoints import Call, Endpoints
from api.inputs import ConfigBody

endpoints = Endpoints("Settings")


@endpoints("get", "/api/config", answers.ConfigAnswer)
async def get_config(call: Call) -> answers.ConfigAnswer:
    """The stored settings, without the password."""
    return answers.ConfigAnswer.model_validate(await call.services.config.view(call.now))


@endpoints("put", "/api/config", answers.ConfigAnswer, body=ConfigBody, problems=(409,))
async def put_config(call: Call) -> answers.ConfigAnswer:
    """Changes the settings that are given, all or none. Another schedule counts at once."""
    given = {name: value for name, value in call.given.items() if name != "smtp_password_set"}
    changed = await call.services.config.change(given, call.caller.actor, call.now)
    return answers.ConfigAnswer.model_validate(changed)
