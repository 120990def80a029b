"""MongoDB goes away and comes back: 503 with the cure, nothing stored by halves, no 500."""

import asyncio
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient

from tests.api.conftest import ACTOR, MovingClock, opened
from tests.makers import NOW
from tests.servers.relay import MongoRelay

REQUESTS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("GET", "/api/teams", None),
    (
        "POST",
        "/api/teams",
        {"team_name": "x", "aws_account_id": "1" * 12, "team_email": "a@x.org"},
    ),
    ("PUT", "/api/config", {"anomaly_threshold": 30}),
    ("GET", "/api/costs/history", None),
    ("GET", "/api/anomalies", None),
    ("POST", "/api/trigger/weekly-report", None),
    ("GET", "/api/runs", None),
    ("GET", "/api/scheduler/status", None),
    ("GET", "/api/preview/admin-report", None),
)


async def asked(
    client: "TestClient[Any, Any]", method: str, path: str, **more: Any
) -> tuple[int, Any, Any]:
    async with client.request(method, path, **more) as answer:
        return answer.status, await answer.json(content_type=None), answer.headers.copy()


async def test_without_mongodb_everything_is_503_and_health_says_why(
    mongo_url: str, tmp_path: Path
) -> None:
    with MongoRelay(mongo_url) as relay:
        environment = {
            "MONGO_URL": relay.url,
            "DB_NAME": f"test_{secrets.token_hex(6)}",
            "DATA_DIR": str(tmp_path),
        }
        async with opened(environment, MovingClock(NOW)) as (agent, client):
            _, key = await agent.app.administration.api_keys.create(
                "x", ["read", "write"], ACTOR, NOW
            )
            headers = {"Authorization": f"Bearer {key}"}
            assert (await asked(client, "GET", "/api/teams", headers=headers))[0] == 200
            relay.cut()
            answers = await asyncio.gather(
                asked(client, "GET", "/api/health"),
                *(asked(client, m, p, headers=headers, json=body) for m, p, body in REQUESTS),
            )
            status, health, _ = answers[0]
            assert (status, health["status"], health["failing"]) == (503, "unhealthy", ["mongodb"])
            for (_, path, _), (status, problem, found) in zip(REQUESTS, answers[1:], strict=True):
                assert status == 503, path
                assert found["Content-Type"].startswith("application/problem+json")
                assert found["Retry-After"]
                assert "MONGO_URL" in problem["detail"]
                assert "Traceback" not in str(problem)
            relay.restore()
            async with asyncio.timeout(30):
                while (await asked(client, "GET", "/api/teams", headers=headers))[0] != 200:
                    await asyncio.sleep(0.2)
            config = (await asked(client, "GET", "/api/config", headers=headers))[1]
            assert config["anomaly_threshold"] == 20
            assert (await asked(client, "GET", "/api/runs", headers=headers))[1] == []


async def test_health_from_outside_is_503_even_before_the_mode_is_known(
    mongo_url: str, tmp_path: Path
) -> None:
    with MongoRelay(mongo_url) as relay:
        environment = {
            "MONGO_URL": relay.url,
            "DB_NAME": f"test_{secrets.token_hex(6)}",
            "DATA_DIR": str(tmp_path),
        }
        outside = {"X-Forwarded-For": "203.0.113.9"}
        async with opened(environment, MovingClock(NOW)) as (agent, _):
            await agent.app.administration.api_keys.create("x", ["read"], ACTOR, NOW)
        async with opened(environment, MovingClock(NOW)) as (_, client):
            relay.cut()
            status, answer, found = await asked(client, "GET", "/api/health", headers=outside)
            assert status == 503
            assert answer["title"] == "MongoDB is not responding"
            assert found["Retry-After"]
            status, answer, _ = await asked(client, "GET", "/api/health")
            assert (status, answer["failing"]) == (503, ["mongodb"])
            relay.restore()
            async with asyncio.timeout(30):
                while (await asked(client, "GET", "/api/health", headers=outside))[0] != 200:
                    await asyncio.sleep(0.2)


async def test_in_local_mode_health_from_outside_stays_refused(
    mongo_url: str, tmp_path: Path
) -> None:
    environment = {
        "MONGO_URL": mongo_url,
        "DB_NAME": f"test_{secrets.token_hex(6)}",
        "DATA_DIR": str(tmp_path),
    }
    async with opened(environment, MovingClock(NOW)) as (_, client):
        forwarded = {"X-Forwarded-For": "203.0.113.9"}
        assert (await asked(client, "GET", "/api/health", headers=forwarded))[0] == 403


async def test_a_stopped_scheduler_is_named(mongo_url: str, tmp_path: Path) -> None:
    environment = {
        "MONGO_URL": mongo_url,
        "DB_NAME": f"test_{secrets.token_hex(6)}",
        "DATA_DIR": str(tmp_path),
    }
    clock = MovingClock(NOW)
    async with opened(environment, clock) as (_, client):
        assert (await asked(client, "GET", "/api/health"))[0] == 200
        clock.now += timedelta(minutes=10)
        status, answer, _ = await asked(client, "GET", "/api/health")
        assert (status, answer["status"], answer["failing"]) == (503, "unhealthy", ["ticker"])
