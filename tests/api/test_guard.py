"""Who is let in: local mode, keys, scopes, guessing."""

import asyncio
import base64
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import HttpVersion10
from aiohttp.test_utils import make_mocked_request

from api.endpoints import RestEndpoint
from api.guard import MAX_WAITING, WRONG_KEY_SECONDS, Guard
from api.local_mode import refusal
from api.problems import RefusedError
from api.routes import ENDPOINTS
from services.domain import ApiKey
from tests.api.conftest import ACTOR, MovingClock, World, opened
from tests.makers import NOW
from tests.servers.teams import TeamsSim

WRONG = {"Authorization": f"Bearer cst_abcd1234_{'x' * 43}"}


class Peer:
    """A transport that says where a request comes from."""

    def __init__(self, address: object) -> None:
        self._address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._address if name == "peername" else default

    def is_closing(self) -> bool:
        return False


def asked(peer: object, method: str = "GET", **headers: str) -> str | None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(
        make_mocked_request(
            method,
            "/api/config",
            headers={"Host": "127.0.0.1:8001", **names},
            transport=Peer(peer),
        )
    )


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", ""])
def test_this_machine_is_answered(peer: str) -> None:
    assert asked((peer, 50_000) if peer else "") is None


@pytest.mark.parametrize(
    "peer", ["10.0.0.1", "192.168.1.7", "::ffff:10.0.0.1", "fe80::1", "2001:db8::1", "0.0.0.0"]
)
def test_another_machine_is_not(peer: str) -> None:
    assert asked((peer, 50_000)) == "The request comes from another machine."


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example.com", "127.0.0.1.evil.example.com", "localhost.evil.example.com", ""),
        *("127.0.0.1@evil.example.com", "localhost@evil.example.com:8001", "[::ffff:10.0.0.1]"),
        *("0x7f000001.example.com", "[", "10.0.0.1", "0.0.0.0:8001"),
        *("[::1].evil.example", "[::1]evil.example", "localhost/x", "localhost?x", "localhost#x"),
        *(
            "[::1",
            "::1]",
            "[[::1]]",
            "127.0.0.1:8001:80",
            "localhost:",
            "localhost:80x",
            "[::1%1]",
        ),
        *("localhost\\x", "localhost x", "127.0.0.1,evil.example", "evil.example:localhost"),
    ],
)
def test_a_foreign_host_is_refused(host: str) -> None:
    assert asked(("127.0.0.1", 1), Host=host) == "The Host header does not name this machine."


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8001", "127.0.0.1", "[::1]:8001"])
def test_our_own_names_are_not(host: str) -> None:
    assert asked(("127.0.0.1", 1), Host=host) is None


@pytest.mark.parametrize(
    "header",
    [
        *("Forwarded", "Via", "X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Anything"),
        *("X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Original-Forwarded-For"),
    ],
)
def test_a_forwarded_request_is_refused(header: str) -> None:
    assert asked(("127.0.0.1", 1), **{header: "127.0.0.1"}) == (
        "The request was forwarded by a proxy."
    )


def test_what_nginx_forwards_by_default_is_refused() -> None:
    # `proxy_pass http://127.0.0.1:8001;` and nothing else, until nginx 1.29.7.
    headers = {"Host": "127.0.0.1:8001", "Connection": "close"}
    forwarded = make_mocked_request(
        "GET", "/api/config", headers, version=HttpVersion10, transport=Peer(("127.0.0.1", 1))
    )
    assert refusal(forwarded) == "The request was forwarded by a proxy."


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example.com", "null", "http://localhost:3000", "http://127.0.0.1"),
        *(
            "http://[::1].evil.example",
            "http://127.0.0.1:8001.evil.example",
            "https://localhost/x",
        ),
    ],
)
def test_a_change_for_another_website_is_refused(origin: str) -> None:
    assert asked(("127.0.0.1", 1), "POST", Origin=origin) == (
        "The request comes from another website."
    )


def test_a_change_for_our_own_pages_is_not() -> None:
    own = {"Origin": "http://127.0.0.1:8001", "Sec_Fetch_Site": "same-origin"}
    assert asked(("127.0.0.1", 1), "POST", **own) is None
    assert asked(("127.0.0.1", 1), "POST", Origin="http://localhost", Host="LOCALHOST") is None


async def test_with_an_app_id_there_is_no_local_mode(
    mongo_url: str, database: str, tmp_path: Path
) -> None:
    """Teams reaches such a machine through a proxy, whose requests may look as if from here."""
    async with TeamsSim() as sim:
        environment = {
            "MONGO_URL": mongo_url,
            "DB_NAME": database,
            "DATA_DIR": str(tmp_path),
            **sim.environment(),
        }
        async with opened(environment, MovingClock(NOW)) as (agent, client):
            for path in ("/api/teams", "/api/config", "/api/docs", "/metrics", "/outbox"):
                async with client.get(path) as answer:
                    assert answer.status == 401, path
            async with client.put("/api/config", json={"anomaly_threshold": 99}) as answer:
                assert answer.status == 401
            async with client.get("/api/health", headers={"Host": "costs.example.com"}) as answer:
                assert answer.status == 200
            assert await agent.locked()
            keys = agent.app.administration.api_keys
            _, key = await keys.create("first", ["read"], ACTOR, NOW)
            headers = {"Authorization": f"Bearer {key}"}
            async with client.get("/api/teams", headers=headers) as answer:
                assert answer.status == 200


async def test_without_an_app_id_a_key_ends_local_mode_for_teams_too(world: World) -> None:
    await world.send("POST", "/api/messages", 400, json={})
    await world.key()
    answer = await world.send("POST", "/api/messages", 403, json={})
    assert "MicrosoftAppId" in answer["detail"]


async def test_from_the_first_key_on_all_but_health_needs_one(world: World) -> None:
    assert (await world.get("/api/"))["banner"].startswith("Local mode")
    await world.get("/api/config")
    key = await world.key()
    for path in ("/api/", "/api/teams", "/api/docs", "/api/openapi.json", "/metrics", "/outbox"):
        async with world.client.get(path) as answer:
            assert answer.status == 401, path
            assert answer.content_type == "application/problem+json"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        async with world.client.get(path, headers=key) as answer:
            assert answer.status == 200, path
    # Neither what is there nor which methods it knows is told to strangers.
    await world.send("GET", "/api/nothing", 401)
    await world.send("DELETE", "/api/config", 401)
    await world.send("GET", "/api/nothing", 404, headers=key)
    await world.send("DELETE", "/api/config", 405, headers=key)
    assert (await world.get("/api/", headers=key))["banner"] == ""
    # Health says what it says, to everybody and without a key.
    proxied = {"Host": "costs.example.com", "X-Forwarded-For": "10.0.0.1"}
    assert (await world.send("GET", "/api/health", 200, headers=proxied))["status"] == "healthy"
    world.clock.now += timedelta(minutes=10)
    assert (await world.send("GET", "/api/health", 503, headers=proxied))["failing"] == ["ticker"]
    await world.send("POST", "/api/health", 401)


async def test_a_revoked_key_is_refused_and_a_key_is_still_needed(world: World) -> None:
    key = await world.key()
    (stored,) = await world.agent.app.administration.api_keys.list()
    await world.get("/api/teams", headers=key)
    await world.agent.app.administration.api_keys.revoke(
        stored.id, stored.created_by, world.clock()
    )
    answer = await world.send("GET", "/api/teams", 401, headers=key)
    assert answer["detail"] == "The API key was revoked."
    await world.send("GET", "/api/teams", 401)


async def test_a_key_expires(world: World) -> None:
    key = await world.key(expires_at=world.clock() + timedelta(days=1))
    await world.get("/api/teams", headers=key)
    world.clock.now += timedelta(days=1)
    answer = await world.send("GET", "/api/teams", 401, headers=key)
    assert answer["detail"] == "The API key has expired."


@pytest.mark.parametrize(
    ("scope", "reading", "writing"), [("read", 200, 403), ("write", 403, 200)]
)
async def test_a_scope_covers_what_it_says_and_no_more(
    world: World, scope: str, reading: int, writing: int
) -> None:
    key = await world.key(scope)
    read = await world.send("GET", "/api/config", reading, headers=key)
    changed = await world.send(
        "PUT", "/api/config", writing, headers=key, json={"anomaly_threshold": 33}
    )
    refused = changed if writing == 403 else read
    assert refused["title"] == "Forbidden"
    assert ("write" if scope == "read" else "read") in refused["detail"]
    async with world.client.head("/api/config", headers=key) as answer:
        assert answer.status == reading
    full = await world.key()
    found = (await world.get("/api/config", headers=full))["anomaly_threshold"]
    assert found == (33 if writing == 200 else 20)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer cst_",
        f"Bearer cst_abcd1234_{'x' * 42}",
        f"Bearer cst_abcd1234_{'x' * 4000}",
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer $ne",
        "Bearer \N{SNOWMAN}",
        "Basic Y3N0Og==",
        "Digest username=x",
        "cst_abcd1234",
    ],
)
async def test_an_invalid_key_is_401(world: World, header: str) -> None:
    await world.key()
    answer = await world.send("GET", "/api/teams", 401, headers={"Authorization": header})
    assert answer["title"] == "Unauthorized"


async def test_a_key_with_one_other_character_is_wrong(world: World) -> None:
    key = (await world.key())["Authorization"]
    for at in (-1, -20, -44, 12):
        other = "A" if key[at] != "A" else "B"
        wrong = key[:at] + other + key[len(key) + at + 1 :] if at < 0 else key[:at] + other
        await world.send("GET", "/api/teams", 401, headers={"Authorization": wrong})
    await world.get("/api/teams", headers={"Authorization": key.replace("Bearer", "bearer")})


async def test_two_credentials_are_none(world: World) -> None:
    key = (await world.key())["Authorization"]
    async with world.client.get(
        "/api/teams", headers=[("Authorization", key), ("Authorization", "Bearer x")]
    ) as answer:
        assert answer.status == 401


async def test_a_right_key_is_never_refused_whatever_others_send(world: World) -> None:
    key = await world.key()
    wrong = await asyncio.gather(*(_status(world, "/api/teams", WRONG) for _ in range(60)))
    assert set(wrong) == {401}
    await world.get("/api/teams", headers=key)


async def test_wrong_keys_are_answered_slowly_and_others_at_once(world: World) -> None:
    key = await world.key()
    expired = await world.key(expires_at=world.clock() + timedelta(minutes=1))
    world.clock.now += timedelta(minutes=2)
    pauses: list[float] = []
    go_on = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        await go_on.wait()

    keys = world.agent.app.administration.api_keys
    guard = Guard(keys, None, world.clock, has_app_id=False, pause=pause)

    def admitted(headers: dict[str, str]) -> asyncio.Task[object]:
        request = make_mocked_request("GET", "/api/teams", headers=headers)
        return asyncio.create_task(guard.admit(request))

    await admitted(key)
    for headers in (expired, {}):
        with pytest.raises(RefusedError):
            await admitted(headers)
    assert pauses == []
    waiting = [admitted(WRONG) for _ in range(MAX_WAITING + 7)]
    # More than so many do not wait: they could take every connection.
    async with asyncio.timeout(60):
        while len(pauses) + sum(task.done() for task in waiting) < len(waiting):
            await asyncio.sleep(0.01)
    assert sum(task.done() for task in waiting) == 7
    assert pauses == [WRONG_KEY_SECONDS] * MAX_WAITING
    await admitted(key)
    go_on.set()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {RefusedError}


async def test_only_the_hash_and_the_last_use_are_stored(world: World) -> None:
    header = (await world.key())["Authorization"]
    secret = header[len("Bearer cst_12345678_") :]
    await world.get("/api/teams", headers={"Authorization": header})
    used = await _stored(world)
    world.clock.now += timedelta(seconds=30)
    await world.get("/api/teams", headers={"Authorization": header})
    assert (await _stored(world)).last_used_at == used.last_used_at
    world.clock.now += timedelta(seconds=31)
    await world.get("/api/teams", headers={"Authorization": header})
    stored = await _stored(world)
    assert used.last_used_at is not None
    assert stored.last_used_at is not None
    assert stored.last_used_at - used.last_used_at >= timedelta(minutes=1)
    assert secret not in stored.model_dump_json()
    assert secret not in str(await world.agent.app.administration.api_keys.list())


async def _stored(world: World) -> ApiKey:
    (key,) = await world.agent.app.administration.api_keys.list()
    return key


async def test_a_key_is_in_force_at_once_also_when_another_process_made_it(world: World) -> None:
    await world.get("/api/teams")
    await world.agent.app.administration.api_keys._store.add(
        ApiKey(
            id="abcdefgh",
            name="elsewhere",
            scopes=("read",),
            secret_sha256=secrets.token_hex(32),
            created_at=NOW,
            created_by=ACTOR,
        )
    )
    await world.send("GET", "/api/teams", 401)


async def test_pages_take_the_key_from_a_browsers_dialogue_and_nothing_else_does(
    world: World,
) -> None:
    key = (await world.key())["Authorization"].removeprefix("Bearer ")
    basic = base64.b64encode(f"anybody:{key}".encode()).decode()
    header = {"Authorization": f"Basic {basic}"}
    for path in ("/api/docs", "/api/openapi.json", "/outbox"):
        async with world.client.get(path) as answer:
            challenges = answer.headers.getall("WWW-Authenticate")
            assert [challenge.split()[0] for challenge in challenges] == ["Bearer", "Basic"]
        async with world.client.get(path, headers=header) as answer:
            assert answer.status == 200, path
    # A browser sends such a password by itself, so it must change nothing anywhere.
    for method, path in (("GET", "/api/teams"), ("PUT", "/api/config"), ("GET", "/metrics")):
        await world.send(method, path, 401, headers=header)
    wrong = base64.b64encode(b"anybody:cst_x").decode()
    await world.send("GET", "/api/docs", 401, headers={"Authorization": f"Basic {wrong}"})
    await world.send("GET", "/api/docs", 401, headers={"Authorization": "Basic !!"})


async def test_changes_are_audited_with_the_keys_name(world: World) -> None:
    key = await world.key()
    (stored,) = await world.agent.app.administration.api_keys.list()
    await world.send("PUT", "/api/config", 200, headers=key, json={"anomaly_threshold": 44})
    newest = (await world.agent.app.administration.api_keys._audit.newest(1))[0]
    assert newest.action == "config.change"
    assert newest.actor.interface == "rest"
    assert newest.actor.name == f"key {stored.name} ({stored.id})"


async def test_strangers_reach_no_handler(world: World) -> None:
    await world.add_teams(1)
    await world.key()
    paths = ["/api/preview/admin-report", "/api/costs/history"]
    statuses = await asyncio.gather(*(_status(world, path) for path in paths * 20))
    assert set(statuses) == {401}
    assert world.datadog.queries == []


async def _status(world: World, path: str, headers: dict[str, str] | None = None) -> int:
    async with world.client.get(path, headers=headers) as answer:
        return answer.status


async def test_every_endpoint_asks_for_the_scope_of_its_method(world: World) -> None:
    """Whatever else is wrong with a request: who may not ask learns nothing of it."""
    keys = {scopes: await world.key(scopes) for scopes in ("read", "write", "read,write")}
    ends = world.clock() + timedelta(minutes=1)
    expired = await world.key("read,write", expires_at=ends)
    revoked = await world.key("read,write")
    revoked_id = revoked["Authorization"].split("_")[1]
    await world.agent.app.administration.api_keys.revoke(revoked_id, ACTOR, world.clock())
    world.clock.now = ends

    async def asked(one: RestEndpoint, headers: dict[str, str]) -> int:
        path = one.path.replace("{id}", "nothing")
        async with world.client.request(one.method, path, headers=headers) as answer:
            return answer.status

    for one in ENDPOINTS:
        nobody = [await asked(one, headers) for headers in ({}, expired, revoked)]
        needed = "read" if one.method == "get" else "write"
        other = "write" if needed == "read" else "read"
        if not one.needs_key:
            assert {*nobody, await asked(one, keys[other])} == {200}, one.path
            continue
        assert nobody == [401, 401, 401], one.path
        assert await asked(one, keys[other]) == 403, one.path
        for scopes in (needed, "read,write"):
            assert await asked(one, keys[scopes]) in {200, 202, 404, 415}, one.path
    assert not [
        endpoint
        for endpoint in ENDPOINTS
        if not endpoint.needs_key and endpoint.path != "/api/health"
    ]
