from __future__ import annotations

import msgspec
import pytest

from benchmarks.contest.results import Middle, Own, Results, middle, this_machine
from tests.benchmarks.made import figure, results, sample


def test_the_middle_of_a_few_rounds() -> None:
    assert middle([3.0, 1.0, 2.0]) == Middle(2.0, 1.0, 3.0)
    assert middle([4.0, 2.0]) == Middle(3.0, 2.0, 4.0)
    assert middle([]) is None


def test_rates_are_medians_over_rounds_of_one_column() -> None:
    rounds = [figure("json", "slipway", 64, rate, round) for round, rate in enumerate((100, 300, 200))]
    found = results([*rounds, figure("json", "slipway", 1, 7), figure("json", "uvicorn", 64, 9)])
    assert found.rate("json", "slipway", 64) == Middle(200, 100, 300)
    assert found.rate("json", "granian", 64) is None
    assert found.figure("json", "slipway", 64, lambda item: item.cpu_us) == Middle(10, 10, 10)


def test_own_rows_are_those_of_the_best_batch() -> None:
    found = results()
    found.own = [
        Own(model="minilm", threads=threads, batch=batch, round=round, rows_per_second=rows)
        for threads, batch, round, rows in ((1, 1, 0, 10), (1, 16, 0, 30), (1, 16, 1, 50), (2, 16, 0, 90))
    ]
    assert found.own_rows("minilm", 1) == 40
    assert found.own_rows("minilm", 4) is None


def test_results_survive_json() -> None:
    found = results([figure("json", "slipway", 64, 5)])
    assert msgspec.json.decode(msgspec.json.encode(found), type=Results) == found


def test_the_machine_is_described() -> None:
    machine = this_machine()
    assert machine.cores >= 1 and machine.memory_gb > 0
    assert machine.python.count(".") == 2


@pytest.mark.parametrize("errors", [0, 5])
def test_failed_requests_are_not_in_the_rate(errors: int) -> None:
    assert sample(100, errors).rate == 100
