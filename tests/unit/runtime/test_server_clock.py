"""MongoDB's time as a worker knows it, whatever its own machine believes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from services.domain.errors import ClockSkewError, StoreUnavailableError
from services.runtime.server_clock import (
    MAX_MEASUREMENTS,
    MAX_SKEW,
    ServerClock,
    check_skew,
    seconds_since_boot,
    skew_problem,
)
from tests.makers import NOW


@dataclass
class Machines:
    """MongoDB's machine and this one; asking takes the given seconds, one for each question."""

    ahead: timedelta = timedelta()
    passed: float = 0.0
    trips: list[float] = field(default_factory=list)
    asked: int = 0

    def local(self) -> datetime:
        return NOW + self.ahead + timedelta(seconds=self.passed)

    def timer(self) -> float:
        return 1000.0 + self.passed

    async def ask(self) -> datetime:
        """MongoDB reads its clock in the middle of the round trip."""
        self.asked += 1
        trip = self.trips.pop(0) if self.trips else 0.0
        self.passed += trip
        return NOW + timedelta(seconds=self.passed - trip / 2)

    @property
    def true(self) -> datetime:
        return NOW + timedelta(seconds=self.passed)

    def clock(self) -> ServerClock:
        return ServerClock(self.ask, self.local, self.timer)


@pytest.mark.parametrize("seconds", [0, 20, -20, 150, 7200, -86_400, 8 * 86_400])
async def test_the_time_is_mongodbs_however_far_the_machine_is_off(seconds: int) -> None:
    machines = Machines(timedelta(seconds=seconds))
    clock = machines.clock()
    await clock.measure()
    machines.passed += 47.5
    assert clock.now() == machines.true
    assert clock.skew() == timedelta(seconds=seconds)


async def test_a_machine_whose_clock_is_set_while_it_works_changes_nothing() -> None:
    machines = Machines()
    clock = machines.clock()
    await clock.measure()
    machines.ahead = timedelta(hours=2)
    machines.passed += 10
    assert clock.now() == machines.true
    assert clock.skew() == timedelta(hours=2)


async def test_half_of_a_round_trip_is_counted() -> None:
    machines = Machines(trips=[0.4])
    clock = machines.clock()
    await clock.measure()
    assert machines.asked == 1
    assert clock.now() == machines.true


async def test_a_slow_response_is_requested_again_and_the_fastest_counts() -> None:
    machines = Machines(trips=[20.0, 8.0, 12.0, 0.0])
    clock = machines.clock()
    await clock.measure()
    assert machines.asked == MAX_MEASUREMENTS
    assert clock.now() == machines.true


async def test_a_mongodb_that_does_not_respond_leaves_the_last_measurement() -> None:
    machines = Machines(timedelta(hours=1))
    clock = machines.clock()
    await clock.measure()

    async def unavailable() -> datetime:
        raise StoreUnavailableError("MongoDB does not respond.")

    clock._ask = unavailable
    with pytest.raises(StoreUnavailableError):
        await clock.measure()
    machines.passed += 3600
    assert clock.now() == machines.true


def test_a_clock_may_be_off_by_half_a_minute_either_way() -> None:
    for skew in (timedelta(), MAX_SKEW, -MAX_SKEW):
        assert skew_problem(skew) is None
        check_skew(skew)
    ahead, behind = skew_problem(timedelta(seconds=150)), skew_problem(timedelta(days=-4))
    assert ahead is not None
    assert "is 150 s ahead of MongoDB's, so this worker sends nothing" in ahead
    assert behind is not None
    assert "is 345,600 s behind MongoDB's" in behind
    with pytest.raises(ClockSkewError, match="Let NTP set both"):
        check_skew(MAX_SKEW + timedelta(seconds=1))


def test_seconds_since_boot_are_never_set_back() -> None:
    moments = [seconds_since_boot() for _ in range(1000)]
    assert moments == sorted(moments)
