"""The agent as a process: which addresses it serves on, and keys from the command line."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp

from tests.api.test_tokens import FORGED
from tests.conftest import AgentProcess
from tests.e2e.test_serve import serving
from tests.servers.teams import TeamsSim
from tests.servers.tenant import AUDIENCE, TENANT, FakeTenant, new_key

KEY = re.compile(r"cst_[a-z0-9]{8}_[\w-]{43}")


async def made(agent: AgentProcess, *more: str) -> tuple[str, str]:
    """(id, key) of a new key."""
    result = await agent.run("api-key", "create", "--name", "test", *more)
    assert result.returncode == 0, result.stderr
    key = result.stdout.splitlines()[-1]
    assert KEY.fullmatch(key)
    assert key not in result.stderr
    return key.split("_")[1], key


async def test_keys_are_made_shown_once_listed_and_revoked(agent: AgentProcess) -> None:
    none = await agent.run("api-key", "list")
    assert "local mode" in none.stdout
    first_id, first = await made(agent, "--scopes", "read,write")
    second_id, second = await made(agent, "--scopes", "read", "--days", "30")
    listed = await agent.run("api-key", "list")
    assert [line.split()[:3] for line in listed.stdout.splitlines()] == [
        [first_id, "read,write", "valid"],
        [second_id, "read", "valid"],
    ]
    assert first not in listed.stdout
    assert second not in listed.stdout

    # Beside a serving agent, and at once.
    async with (
        serving(agent) as (url, _, lines),
        aiohttp.ClientSession(url) as session,
    ):
        header = {"Authorization": f"Bearer {second}"}
        assert await status(session, header) == 200
        revoked = await agent.run("api-key", "revoke", second_id)
        assert revoked.returncode == 0
        assert await status(session, header) == 401
        assert any("needs a key or a token" in line for line in lines)
    listed = await agent.run("api-key", "list")
    assert "revoked" in listed.stdout.splitlines()[1]
    assert "used 2" in listed.stdout.splitlines()[1]
    assert "used never" in listed.stdout.splitlines()[0]


async def status(session: aiohttp.ClientSession, headers: dict[str, str]) -> int:
    async with session.get("/api/teams", headers=headers) as answer:
        return answer.status


async def test_what_is_wrong_with_a_key_is_one_line(agent: AgentProcess) -> None:
    for arguments, word in (
        (("create", "--name", "x", "--scopes", "read,admin"), "The scopes are read and write"),
        (("create", "--name", "x", "--scopes", ","), "The scopes are read and write"),
        (("create", "--name", "\u202e", "--scopes", "read"), "The name must be"),
        (("revoke", "nothing"), "There is no API key nothing"),
    ):
        result = await agent.run("api-key", *arguments)
        assert result.returncode == 1
        assert word in result.stderr
        assert result.stderr.count("\n") == 1
    assert "no API key" in (await agent.run("api-key", "list")).stdout
    usage = await agent.run("api-key", "create", "--name", "x", "--scopes", "read", "--days", "0")
    assert usage.returncode == 2


async def test_beyond_this_machine_only_when_something_protects_it(
    agent: AgentProcess, tmp_path: Path
) -> None:
    refused = await agent.run("serve", HOST="0.0.0.0")
    assert refused.returncode == 1
    assert "HOST=0.0.0.0" in refused.stderr
    assert "api-key create" in refused.stderr
    shown = await agent.run("outbox", HOST="0.0.0.0")
    assert shown.returncode == 1
    assert "HOST=0.0.0.0" in shown.stderr

    key_id, key = await made(agent, "--scopes", "read")
    # Once there was a key the door is locked for good, so that it may be open to the network.
    await agent.run("api-key", "revoke", key_id)
    async with serving(agent, HOST="0.0.0.0") as (url, _, _):
        here = url.replace("0.0.0.0", "127.0.0.1")
        async with aiohttp.ClientSession(here) as session:
            assert await status(session, {"Authorization": f"Bearer {key}"}) == 401
            async with session.get("/api/health") as answer:
                assert answer.status == 200
            # No message could be authenticated, and local mode has ended.
            async with session.post("/api/messages", json={}) as answer:
                assert answer.status == 403
            proxied = {"X-Forwarded-For": "10.0.0.1"}
            async with session.post("/api/messages", json={}, headers=proxied) as answer:
                assert answer.status == 403


async def test_with_the_bots_sign_in_nothing_is_in_local_mode(agent: AgentProcess) -> None:
    async with TeamsSim() as sim:
        shown = await agent.run("outbox", **sim.environment())
        assert shown.returncode == 1
        assert "MicrosoftAppId is set" in shown.stderr
        async with serving(agent, HOST="0.0.0.0", **sim.environment()) as (url, _, lines):
            here = url.replace("0.0.0.0", "127.0.0.1")
            assert any("needs a key" in line for line in lines if line.startswith("REST"))
            async with aiohttp.ClientSession(here) as session:
                assert await status(session, {}) == 401
                async with session.post("/api/messages", json={}) as answer:
                    assert answer.status == 401


async def test_an_audience_protects_too_and_needs_its_tenant(agent: AgentProcess) -> None:
    alone = await agent.run("serve", API_AUDIENCE=AUDIENCE)
    assert alone.returncode == 1
    assert "MicrosoftAppTenantId" in alone.stderr
    both = {"API_AUDIENCE": AUDIENCE, "MicrosoftAppTenantId": TENANT}
    async with serving(agent, HOST="0.0.0.0", **both) as (url, _, _):
        here = url.replace("0.0.0.0", "127.0.0.1")
        async with aiohttp.ClientSession(here) as session:
            assert await status(session, {}) == 401


FORGERIES = (
    *("expired", "not yet", "other tenant", "other audience", "other issuer", "id token"),
    *("another's key", "unknown key", "none", "HS256", "changed"),
)


async def test_tokens_of_the_tenant_open_the_served_agent_and_forged_ones_do_not(
    agent: AgentProcess,
) -> None:
    async with FakeTenant() as tenant:
        forger: Any = SimpleNamespace(tenant=tenant, token=tenant.token)
        async with (
            serving(agent, **tenant.environment()) as (url, _, lines),
            aiohttp.ClientSession(url) as session,
        ):
            assert any("needs a key or a token" in line for line in lines)

            async def asked(method: str, text: str) -> int:
                headers = {"Authorization": f"Bearer {text}"}
                path = "/api/config"
                async with session.request(method, path, headers=headers, json={}) as answer:
                    if answer.status >= 400:
                        assert answer.content_type == "application/problem+json"
                    return answer.status

            async def read(text: str) -> int:
                return await status(session, {"Authorization": f"Bearer {text}"})

            assert await read(tenant.token()) == 200
            assert await asked("PUT", tenant.token(roles=["write"])) == 200
            assert await asked("PUT", tenant.token(roles=["read"])) == 403
            assert await read(tenant.token(roles=["write"])) == 403
            found = {name: await read(FORGED[name](forger)) for name in FORGERIES}
            assert found == dict.fromkeys(FORGERIES, 401)
            # A key of this minute is not known yet; nobody can have Entra asked again and again.
            tenant.keys["k2"] = new_key()
            assert await read(tenant.token(kid="k2")) == 401
            assert tenant.fetches == 1
            assert await read(tenant.token()) == 200


async def test_while_entra_cannot_be_asked_a_served_agent_says_so(agent: AgentProcess) -> None:
    async with FakeTenant() as tenant:
        tenant.status = 503
        async with (
            serving(agent, **tenant.environment()) as (url, _, _),
            aiohttp.ClientSession(url) as session,
        ):
            headers = {"Authorization": f"Bearer {tenant.token()}"}
            async with session.get("/api/teams", headers=headers) as answer:
                assert answer.status == 503
                assert answer.headers["Retry-After"]
                problem = await answer.json(content_type=None)
                assert problem["title"] == "Entra ID is not responding"
            async with session.get("/api/health") as answer:
                assert answer.status == 200
