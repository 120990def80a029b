"""An HTTP server that answers cost queries like Datadog's v2 timeseries API.

In a test::

    async with FakeDatadog(costs) as datadog:
        settings = datadog.settings()

As a program: ``python -m tests.servers.datadog --port 8125 --accounts 84 --seed 7``.
"""

import argparse
import asyncio
import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self

from aiohttp import web

from services.domain import DaySpan
from services.settings import DatadogSettings

DAY_MS = 86_400_000
QUERY = re.compile(
    r"sum:(?P<metric>[\w.]+)\{(?P<scope>[^}]*)\}"
    r"(?: by \{(?P<by>[^}]*)\})?\.rollup\(sum, daily\)"
)
IN_LIST = re.compile(r"(?P<tag>\w+) IN \((?P<values>[^)]*)\)")
DOLLAR = {
    "family": "currency",
    "name": "dollar",
    "plural": "dollars",
    "scale_factor": 1.0,
    "short_name": "$",
    "id": 41,
}
API_KEY, APP_KEY = "a" * 32, "b" * 40


@dataclass(frozen=True)
class Cost:
    """One line of costs: tags and an amount for a day."""

    day: date
    amount: float
    tags: dict[str, str]


Fault = Callable[[web.Request, str], "web.Response | None"]


@dataclass
class FakeDatadog:
    """The server, its costs, and its faults."""

    costs: list[Cost]
    metric: str = "aws.cost.net.amortized"
    unit: Any = field(default_factory=lambda: [DOLLAR, None])
    seed: int = 1
    faults: list[Fault] = field(default_factory=list)
    """Each may answer a query; a fault that has answered is used up."""
    max_series: int | None = None
    """Groups beyond this number are silently dropped."""
    edit: Callable[[dict[str, Any]], None] | None = None
    """Changes a response before it is sent."""
    queries: list[str] = field(default_factory=list)
    calls: int = 0
    url: str = ""

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.app(), shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def settings(self, **more: Any) -> DatadogSettings:
        """Settings that point to this server, with valid keys."""
        return DatadogSettings(
            **{"api_url": self.url, "api_key": API_KEY, "app_key": APP_KEY, **more}
        )

    def environment(self) -> dict[str, str]:
        """Settings that point to this server, as environment variables."""
        return {
            "DATADOG_API_URL": self.url,
            "DATADOG_API_KEY": API_KEY,
            "DATADOG_APP_KEY": APP_KEY,
        }

    def sum(self, span: DaySpan, **tags: str) -> Decimal:
        """The exact sum of the costs with these tags."""
        return sum(
            (
                Decimal(repr(cost.amount))
                for cost in self.costs
                if cost.day in span and all(cost.tags.get(k) == v for k, v in tags.items())
            ),
            Decimal(0),
        )

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/v2/query/timeseries", self._timeseries)
        app.router.add_get("/api/v1/validate", self._validate)
        return app

    async def _validate(self, request: web.Request) -> web.Response:
        if request.headers.get("DD-API-KEY") == API_KEY:
            return web.json_response({"valid": True})
        return web.json_response({"errors": ["Forbidden"]}, status=403)

    async def _timeseries(self, request: web.Request) -> web.Response:
        self.calls += 1
        body = await request.json()
        refusal = self._refusal(request, body)
        if refusal is not None:
            return refusal
        attributes = body["data"]["attributes"]
        query = attributes["queries"][0]["query"]
        self.queries.append(query)
        for fault in self.faults:
            answer = fault(request, query)
            if answer is not None:
                self.faults.remove(fault)
                return answer
        match = QUERY.fullmatch(query)
        if match is None:
            text = (
                f"Error parsing query: \n unable to parse {query}: Rule 'scope_expr' didn't match"
            )
            return web.json_response({"errors": [text]}, status=400)
        answer_body = self._answer(match, attributes["from"], attributes["to"])
        if self.edit is not None:
            self.edit(answer_body)
        return web.Response(
            text=json.dumps(answer_body) + "\n\n", content_type="application/vnd.api+json"
        )

    def _refusal(self, request: web.Request, body: Any) -> web.Response | None:
        if "DD-API-KEY" not in request.headers or "DD-APPLICATION-KEY" not in request.headers:
            return web.json_response({"errors": ["Unauthorized"]}, status=401)
        keys = (request.headers["DD-API-KEY"], request.headers["DD-APPLICATION-KEY"])
        if keys != (API_KEY, APP_KEY):
            return web.json_response({"errors": ["Forbidden"]}, status=403)
        if body["data"]["type"] != "timeseries_request":
            text = 'API input validation failed: Invalid type. Expected "timeseries_request".'
            return web.json_response({"errors": [text]}, status=400)
        query = body["data"]["attributes"]["queries"][0]
        if query["data_source"] != "cloud_cost":
            return web.json_response({"errors": ["unknown data_source"]}, status=400)
        return None

    def _answer(self, match: re.Match[str], begin: int, end: int) -> dict[str, Any]:
        by = [tag for tag in (match["by"] or "").split(",") if tag]
        costs = (
            self._matching(match["scope"], begin, end) if match["metric"] == self.metric else []
        )
        sums: dict[tuple[str, ...], dict[int, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for cost in costs:
            group = tuple(f"{tag}:{cost.tags.get(tag, 'N/A')}" for tag in by)
            sums[group][_stamp(cost.day)].append(cost.amount)
        chance = random.Random(f"{self.seed} {match[0]}")
        groups = list(sums)
        chance.shuffle(groups)
        groups = groups[: self.max_series]
        times = sorted({stamp for group in groups for stamp in sums[group]})
        series, values = [], []
        for group in groups:
            tags = list(group)
            chance.shuffle(tags)
            series.append({"group_tags": tags, "query_index": 0, "unit": self.unit})
            days = sums[group]
            values.append([math.fsum(days[t]) if t in days else None for t in times])
        return {
            "data": {
                "id": "0",
                "type": "timeseries_response",
                "attributes": {"series": series, "times": times, "values": values},
            }
        }

    def _matching(self, scope: str, begin: int, end: int) -> Iterable[Cost]:
        values_by_tag: dict[str, set[str]] = {}
        if scope != "*":
            match = IN_LIST.fullmatch(scope)
            if match is None:
                raise web.HTTPBadRequest(text=json.dumps({"errors": ["unable to parse scope"]}))
            values_by_tag[match["tag"]] = {value.strip() for value in match["values"].split(",")}
        for cost in self.costs:
            if begin <= _stamp(cost.day) < end and all(
                cost.tags.get(tag) in values for tag, values in values_by_tag.items()
            ):
                yield cost


def _stamp(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def once(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Fault:
    """A fault: the next response has this status and body (text or JSON)."""

    def answer(request: web.Request, query: str) -> web.Response:
        if isinstance(body, str):
            return web.Response(
                status=status, text=body, content_type="text/html", headers=headers
            )
        return web.json_response(body or {"errors": ["oops"]}, status=status, headers=headers)

    return answer


def cut_off(request: web.Request, query: str) -> web.Response:
    """A fault: a 200 with truncated JSON."""
    return web.Response(
        body=b'{"data":{"id":"0","type":"timeseries_response","attributes":{"series":[{"gro',
        content_type="application/json",
    )


def account_ids(number: int, seed: int) -> list[str]:
    """Distinct account IDs, some with leading zeros."""
    chance = random.Random(f"accounts {seed}")
    ids: dict[str, None] = {}
    while len(ids) < number:
        ids[f"{chance.randrange(10 ** (9 if len(ids) % 9 == 0 else 12)):012d}"] = None
    return list(ids)


def random_costs(
    accounts: list[str], span: DaySpan, seed: int = 1, services: int = 8
) -> list[Cost]:
    """Costs with all charge categories; amounts have many digits, as real ones have."""
    return list(_random_costs(tuple(accounts), span, seed, services))


@lru_cache(maxsize=20)
def _random_costs(
    accounts: tuple[str, ...], span: DaySpan, seed: int, services: int
) -> list[Cost]:
    """The same for all tests that ask for the same, as it takes longer than most of them."""
    chance = random.Random(f"costs {seed}")
    names = [
        "ec2",
        "AmazonRDS",
        "s3",
        "lambda",
        "eks",
        "Cost: Explorer, v2",
        "athena",
        "sqs",
        "kms",
    ]
    costs = []
    for account in accounts:
        size = math.exp(chance.gauss(4.5, 1.2))
        for service in names[: 1 + chance.randrange(services)]:
            level = size * chance.random()
            for day in span:
                if chance.random() < 0.01:
                    continue
                costs.append(
                    _cost(day, level * chance.uniform(0.8, 1.2), account, service, "usage")
                )
                if day.day == 1:
                    costs.append(_cost(day, level * 0.1, account, service, "tax"))
                if day.day == 1 and chance.random() < 0.2:
                    costs.append(_cost(day, -level, account, service, "credit"))
                if day.day == 3 and chance.random() < 0.1:
                    costs.append(_cost(day, level * 2, account, service, "purchase"))
    return costs


def _cost(day: date, amount: float, account: str, service: str, charge: str) -> Cost:
    return Cost(
        day,
        amount,
        {
            "aws_member_account_id": account,
            "aws_product": service,
            "chargecategory": charge,
            "billingcurrency": "USD",
        },
    )


async def _serve(port: int, accounts: int, seed: int) -> None:
    today = datetime.now(UTC).date()
    span = DaySpan(today - timedelta(days=100), today - timedelta(days=2))
    server = FakeDatadog(random_costs(account_ids(accounts, seed), span, seed), seed=seed)
    runner = web.AppRunner(server.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(f"http://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--accounts", type=int, default=84)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(_serve(**vars(parser.parse_args())))
