"""The Lambda entry, driven by AWS's own runtime interface client against a local runtime API."""

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_weekly_run import costs_of, write_teams
from tests.servers.datadog import FakeDatadog, account_ids
from tests.servers.smtp import FakeSmtp, Faults

SCHEDULED = {
    "version": "0",
    "source": "aws.events",
    "detail-type": "Scheduled Event",
    "time": "2026-11-23T09:00:00Z",
}


@dataclass
class RuntimeApi:
    """The runtime API of Lambda: hands out events, takes answers."""

    answers: asyncio.Queue[tuple[str, Any]] = field(default_factory=asyncio.Queue)
    events: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    number: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        base = "/2018-06-01/runtime"
        app.router.add_get(f"{base}/invocation/next", self._next)
        app.router.add_post(f"{base}/invocation/{{id}}/response", self._response)
        app.router.add_post(f"{base}/invocation/{{id}}/error", self._error)
        app.router.add_post(f"{base}/init/error", self._error)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = "{}:{}".format(*self._runner.addresses[0][:2])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _next(self, request: web.Request) -> web.Response:
        event = await self.events.get()
        self.number += 1
        headers = {
            "Lambda-Runtime-Aws-Request-Id": f"request-{self.number}",
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:1:function:x",
        }
        # Exactly this type: with a charset behind it the client hands on unparsed text.
        headers["Content-Type"] = "application/json"
        return web.Response(body=json.dumps(event).encode(), headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        await self.answers.put(("ok", json.loads(await request.read())))
        return web.Response(status=202)

    async def _error(self, request: web.Request) -> web.Response:
        await self.answers.put(("error", json.loads(await request.read())))
        return web.Response(status=202)

    async def invoke(self, event: Any) -> tuple[str, Any]:
        """What the function answers to an event."""
        await self.events.put(event)
        async with asyncio.timeout(60):
            return await self.answers.get()


class Function:
    """The function in AWS's own client."""

    def __init__(self, api: RuntimeApi, environment: dict[str, str]) -> None:
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "HOME", "LANG", "TMPDIR"}}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "deploy.lambda_entry.handler"],
            env={
                **kept,
                **environment,
                "AWS_LAMBDA_RUNTIME_API": api.address,
                "AWS_LAMBDA_FUNCTION_NAME": "aws-cost-agent",
                "AWS_LAMBDA_FUNCTION_VERSION": "1",
            },
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


async def test_an_event_is_one_run_and_a_second_one_emails_nobody_twice(
    agent: AgentProcess,
) -> None:
    accounts = account_ids(3, 5)
    async with (
        FakeDatadog(costs_of(accounts)) as datadog,
        FakeSmtp() as smtp,
        RuntimeApi() as api,
    ):
        environment = {**agent.environment, **datadog.environment(), **smtp.environment()}
        await _with_teams(agent, accounts)
        with Function(api, environment):
            kind, answer = await api.invoke(SCHEDULED)
            assert kind == "ok", answer
            assert answer["state"] == "done"
            assert answer["emails"] == answer["mails"] == {"sent": 3}
            assert (await api.invoke(SCHEDULED))[1] == answer
            assert len(smtp.mails) == 3
            assert await api.invoke({"job": "tick"}) == ("ok", {"job": "tick"})


async def test_an_email_that_was_not_sent_is_an_error_of_the_function(agent: AgentProcess) -> None:
    faults = Faults(refuse={"team2@example.org": "550 no such mailbox"})
    accounts = account_ids(3, 5)
    async with (
        FakeDatadog(costs_of(accounts)) as datadog,
        FakeSmtp(faults) as smtp,
        RuntimeApi() as api,
    ):
        environment = {**agent.environment, **datadog.environment(), **smtp.environment()}
        await _with_teams(agent, accounts)
        with Function(api, environment):
            kind, answer = await api.invoke(SCHEDULED)
            assert kind == "error"
            assert answer["errorType"] == "NotAllSentError"
            assert "'failed': 1" in answer["errorMessage"]


async def test_an_invalid_event_starts_no_run(agent: AgentProcess) -> None:
    events: list[Any] = ["text", [], {"job": "weekly"}, {"period": 47}]
    async with RuntimeApi() as api:
        with Function(api, agent.environment):
            for event in events:
                kind, answer = await api.invoke(event)
                assert (kind, answer["errorType"]) == ("error", "InvalidError"), event


async def test_without_a_mongodb_the_cure_is_named() -> None:
    async with RuntimeApi() as api:
        with Function(api, {}):
            kind, answer = await api.invoke(SCHEDULED)
            assert kind == "error"
            assert "MONGO_URL" in answer["errorMessage"]


async def _with_teams(agent: AgentProcess, accounts: list[str]) -> None:
    file = write_teams(Path(agent.environment["DATA_DIR"]), accounts)
    done = await agent.run("import-teams", str(file))
    assert done.returncode == 0, done.stderr
