from __future__ import annotations

import pytest

from tests.costs import Costs, dearest, measured, scope_of

LOG = """
12.50s call     tests/contract/test_answers.py::test_one[price]
1.50s setup    tests/contract/test_schema.py::test_two
3.04s call     tests/training/test_run.py::test_three
0.20s call     tests/training/test_progress.py::test_four
"""


def test_a_log_becomes_seconds_by_scope() -> None:
    assert measured(LOG) == {"tests/contract/": 14, "tests/training/test_run.py": 3}


def test_tests_that_share_a_fixture_stay_together() -> None:
    assert scope_of("tests/apps/price/train/test_model.py::test_one") == "tests/apps/price/"
    real = "tests/apps/price/train/test_real_prices.py"
    assert scope_of(f"{real}::test_one") == real
    assert scope_of("tests/architecture/test_imports.py::test_one") == "tests/architecture/"
    assert scope_of("tests/architecture/test_lint.py::test_one") == "tests/architecture/test_lint.py"
    assert scope_of("tests/training/test_run.py::test_one[a/b]") == "tests/training/test_run.py"


def test_the_dearest_are_shown_with_what_is_recorded() -> None:
    seconds = {f"tests/test_{number}.py": float(number) for number in range(1, 15)}
    lines = dearest(seconds, {"tests/test_14.py": 9})
    assert lines[0] == "    14 s     9 s recorded  tests/test_14.py"
    assert len(lines) == 11 and lines[9].endswith("tests/test_5.py")
    assert lines[-1] == "   105 s  in all workers together"
    assert dearest({"tests/test_1.py": 1.9}, {}) == []


def test_this_run_is_counted(request: pytest.FixtureRequest) -> None:
    plugin = request.config.pluginmanager.get_plugin("costs")
    # A worker of xdist leaves it to the process that started it.
    assert isinstance(plugin, Costs) != hasattr(request.config, "workerinput")
    assert scope_of(request.node.nodeid) == "tests/test_costs.py"
