from __future__ import annotations

import time

from serving.observe.load import LoadMeter


def test_the_mean_number_in_flight_is_the_time_spent_per_second() -> None:
    spent = [3.0]
    before = time.monotonic()
    meter = LoadMeter(lambda: spent[0])
    between = time.monotonic()
    spent[0] += 5.0
    time.sleep(0.2)
    asked = time.monotonic()
    in_flight = meter.in_flight()
    assert 5.0 / (time.monotonic() - before) <= in_flight <= 5.0 / (asked - between)
    assert meter.in_flight() == 0.0, "since it was asked last"
