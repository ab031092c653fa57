from __future__ import annotations

import pytest

from serving.edge.identity.limits import Limits, Meter
from serving.kernel.errors import TooManyRequests


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_begins_anew_after_its_minute() -> None:
    clock = Clock()
    meter = Meter(Limits(per_minute=2), clock)
    assert meter.headers() == {"ratelimit-policy": '"minute";q=2;w=60', "ratelimit": '"minute";r=2;t=60'}
    meter.take()
    clock.now += 15.5
    meter.take()
    assert meter.headers()["ratelimit"] == '"minute";r=0;t=45'
    for _ in range(3):  # what is refused is not counted
        with pytest.raises(TooManyRequests, match="may send 2 requests a minute") as caught:
            meter.take()
    assert caught.value.retry_after == 45
    clock.now += 44.5
    meter.take()
    assert meter.headers()["ratelimit"] == '"minute";r=1;t=60'


def test_a_quota_of_the_day_is_not_spent_by_what_the_rate_refuses() -> None:
    clock = Clock()
    meter = Meter(Limits(per_minute=1, per_day=2), clock)
    meter.take()
    with pytest.raises(TooManyRequests, match="a minute"):
        meter.take()
    clock.now += 60
    meter.take()
    clock.now += 60
    with pytest.raises(TooManyRequests, match="may send 2 requests a day") as caught:
        meter.take()
    assert caught.value.retry_after == 86_400 - 120
    assert meter.headers()["ratelimit"] == '"minute";r=1;t=60, "day";r=0;t=86280'


@pytest.mark.parametrize("limits", [{"per_minute": -1}, {"per_day": -1}])
def test_limits_are_not_negative(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        Limits(**limits)
