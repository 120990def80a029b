"""Our detector in the benchmark: each world replayed with every amount as it was known then."""

import math
from array import array
from collections import defaultdict
from datetime import timedelta

from services.analysis.detection.replay import Correction, Detected, History, replay
from services.analysis.detection.rules import Rules
from tests.bench.detection.protocol import HOLD_BACK, Alert
from tests.bench.detection.worlds import Late, World


def histories(world: World) -> list[History]:
    """The accounts of a world as they were first seen, with what was corrected later."""
    late: dict[str, list[Late]] = defaultdict(list)
    for one in world.late:
        late[one.account].append(one)
    found = []
    for account, services in world.usage.items():
        seen = {service: array("d", amounts) for service, amounts in services.items()}
        corrections = []
        for one in late[account]:
            i = world.span.index(one.day)
            final = services[one.service][i]
            if not math.isnan(final):
                corrections.append(Correction(one.corrected, one.day, one.service, final))
                seen[one.service][i] = one.seen
        found.append(History(account, world.span, seen, corrections))
    return found


def events(world: World, rules: Rules) -> list[Detected]:
    """All events of a world, as they stood at its end."""
    known_after = timedelta(days=HOLD_BACK)
    return [
        event
        for history in histories(world)
        for event in replay(history, rules, world.span.last, known_after)
    ]


def alerts(world: World, rules: Rules) -> list[Alert]:
    """The same as alerts."""
    return [
        Alert(event.account_id, event.start, event.last, event.raised_on, event.driver, event.kind)
        for event in events(world, rules)
    ]
