from __future__ import annotations

import time

import pytest

from serving.observe.load import LoadMeter


def test_the_mean_number_in_flight_is_the_time_spent_per_second() -> None:
    spent = [3.0]
    meter = LoadMeter(lambda: spent[0])
    began = time.monotonic()
    spent[0] += 5.0
    time.sleep(0.2)
    assert meter.in_flight() == pytest.approx(5.0 / (time.monotonic() - began), rel=0.1)
    assert meter.in_flight() == 0.0, "since it was asked last"
