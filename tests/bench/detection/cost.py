"""What a replay costs beside parsing the JSON that the costs come in; all in one run.

``python -m tests.bench.detection.cost`` prints CPU seconds (medians over rounds) of a whole
backtest of 84 accounts × 15 services × 400 days, and of parsing that answer with ``json.loads``
and with the decoder that the agent uses. It ends with 1 when the replay takes ten times as long as
``json.loads`` or more.
"""

import argparse
import gc
import json
import random
import statistics
import sys
import time
from array import array
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from services.adapters.datadog.wire import DatadogResponse
from services.analysis.detection.replay import History, replay
from services.analysis.detection.rules import Rules
from services.domain import DaySpan
from tests.bench.detection.worlds import ar_noise, weekly_shape

FIRST = date(2025, 9, 1)
RULES = Rules()
TEMPLATES = 100
"""Accounts whose history is really made; the others repeat them."""
DOLLAR = {
    "family": "currency",
    "name": "dollar",
    "plural": "dollars",
    "scale_factor": 1.0,
    "short_name": "$",
    "id": 41,
}


def usage_of(seed: int, services: int, days: int) -> "dict[str, array[float]]":
    """An account with weeks, noise, growth, and now and then something wrong."""
    rng = random.Random(seed)
    level, found = 150 * rng.lognormvariate(0, 1), {}
    for number in range(services):
        shape = weekly_shape(rng, rng.choice(("steady", "office", "off")))
        noise = ar_noise(rng, days, rng.uniform(0.02, 0.2), 0.5)
        size = level * rng.uniform(0.3, 1) * 0.75**number / 3
        row = array("d", (size * shape[i % 7] * (1 + x) for i, x in enumerate(noise)))
        if rng.random() < 0.2:
            for i in range(rng.randrange(60, days), days, rng.choice((30, 90))):
                row[i] *= 4
        found[f"service{number}"] = row
    return found


def answer(accounts: "list[tuple[str, dict[str, array[float]]]]", begin: int, end: int) -> bytes:
    """The costs of some days as Datadog answers them."""
    series, values = [], []
    for account, services in accounts:
        for service, amounts in services.items():
            tags = [f"aws_member_account_id:{account}", f"aws_product:{service}"]
            tags.append("chargecategory:usage")
            series.append({"group_tags": tags, "query_index": 0, "unit": [DOLLAR, None]})
            values.append(list(amounts[begin:end]))
    day = 86_400_000
    times = [1_756_684_800_000 + day * i for i in range(begin, end)]
    attributes = {"series": series, "times": times, "values": values}
    body = {"data": {"id": "0", "type": "timeseries_response", "attributes": attributes}}
    return json.dumps(body).encode()


def rows_of(body: bytes, span: DaySpan) -> int:
    """Decodes an answer as the agent does."""
    return sum(1 for _ in DatadogResponse(body).rows(span))


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    gc.collect()
    begin = time.process_time()
    kept = work()
    spent = time.process_time() - begin
    del kept
    return spent


def whole_backtest(accounts: int, services: int, days: int, rounds: int) -> dict[str, list[float]]:
    """A replay of the whole history of some accounts."""
    made = [(f"{n:012d}", usage_of(n, services, days)) for n in range(accounts)]
    body = answer(made, 0, days)
    span = DaySpan(FIRST, FIRST + timedelta(days=days - 1))
    histories = [History(account, span, usage) for account, usage in made]
    spent: dict[str, list[float]] = {}
    for _ in range(rounds):
        spent.setdefault("json.loads", []).append(cpu(lambda: json.loads(body)))
        spent.setdefault("our decoder", []).append(cpu(lambda: rows_of(body, span)))
        spent.setdefault("replay", []).append(
            cpu(lambda: [replay(history, RULES, span.last) for history in histories])
        )
    return spent


def show(title: str, spent: dict[str, list[float]], work: str, most: float) -> bool:
    """A Markdown table: seconds, and as multiples of json.loads; whether that of the work is met."""
    middle = {name: statistics.median(values) for name, values in spent.items()}
    print(f"\n{title}\n\n| | CPU s | × json.loads |\n|---|---:|---:|")
    for name, seconds in middle.items():
        mark = "**" if name == work else ""
        ratio = seconds / middle["json.loads"]
        print(f"| {mark}{name}{mark} | {seconds:.3f} | {mark}{ratio:.2f}{mark} |")
    return middle[work] < most * middle["json.loads"]


def main() -> int:
    """Prints the table; 1 when the replay takes more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    title = "A whole backtest, 84 accounts × 15 services × 400 days"
    return 0 if show(title, whole_backtest(84, 15, 400, args.rounds), "replay", 10) else 1


if __name__ == "__main__":
    sys.exit(main())
