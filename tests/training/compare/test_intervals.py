from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.training.compare.made import judged, values
from training.compare.intervals import Line, differences, lines_of
from training.compare.measures import measures_of, side_of
from training.measures.evaluation_rows import pair, with_keys
from training.recipe import Evaluation, Kind

NAMES = ("version 1", "version 2")


def by_name(first: Evaluation, second: Evaluation, wape: bool = False) -> dict[tuple[str, str], Line]:
    return {(line.metric, line.slice): line for line in lines_of(pair(first, second, NAMES), NAMES, wape)}


def test_the_better_version_is_named_and_the_interval_holds_the_difference() -> None:
    found = by_name(values(8.0), values(5.0, seed=2), wape=True)
    assert [name for name, part in found if part == "all"] == ["mae", "rmse", "wape", "coverage", "width"]
    assert [part for name, part in found if name == "mae"] == ["all", "part 9", "part 10"]
    for name in ("mae", "rmse", "wape"):
        line = found[name, "all"]
        assert line.low is not None and line.high is not None and line.difference is not None
        assert line.low < line.difference < line.high < 0
        assert (line.rows, line.blocks, line.verdict) == (400, 40, "version 2 is better")
    assert found["coverage", "all"].verdict == "version 2 is higher"
    assert found["width", "all"].verdict == "no difference shown"


def test_the_other_way_round_everything_is_turned() -> None:
    there, back = by_name(values(8.0), values(5.0, seed=2)), by_name(values(5.0, seed=2), values(8.0))
    for name, line in there.items():
        other = back[name]
        assert (line.first, line.second) == (other.second, other.first)
        assert line.low == pytest.approx(-(other.high or 0.0))
    assert back["mae", "all"].verdict == "version 1 is better"


@pytest.mark.parametrize("kind", ["probabilities", "classes"])
def test_skill_shows(kind: Kind) -> None:
    found = by_name(judged(kind, skill=0.5), judged(kind, skill=2.5, seed=2))
    assert {line.verdict for line in found.values()} == {"version 2 is better"}


def test_equally_good_versions_show_no_difference() -> None:
    sides = [side_of(values(8.0, seed=seed).rows) for seed in range(1, 81)]
    measures = measures_of("values", set())[:1]
    found = [differences(measures, *sides[pair : pair + 2], resamples=300)[0] for pair in range(0, 80, 2)]
    # One in twenty is wrong by chance: of forty pairs about two.
    assert sum(not low <= 0 <= high for low, high in filter(None, found)) <= 6
    same = by_name(values(8.0), values(8.0))["mae", "all"]
    assert (same.low, same.high, same.verdict) == (0.0, 0.0, "no difference shown")


def test_too_few_rows_or_blocks_say_so() -> None:
    few = by_name(values(8.0, rows=50, blocks=50), values(2.0, rows=50, blocks=50, seed=2))
    assert few["mae", "all"].verdict == "version 2 is better"
    assert few["mae", "part 9"].verdict == "too few rows for an interval (at least 30)"
    assert few["mae", "part 9"].low is None and few["mae", "part 9"].difference is not None
    blocks = by_name(values(8.0, blocks=4), values(2.0, blocks=4, seed=2))
    assert blocks["mae", "all"].verdict == "too few blocks for an interval (at least 10)"


def test_what_is_not_defined_says_so() -> None:
    one = judged("probabilities")
    ones = replace(one, rows=one.rows.assign(actual=1))
    line = by_name(ones, ones)["auroc", "all"]
    assert (line.first, line.low, line.verdict) == (None, None, "undefined on these rows")


def test_rows_of_a_block_count_as_the_little_evidence_they_are() -> None:
    """Twenty copies of a row, drawn together, give the interval of the row alone; drawn apart, a narrower one."""
    small = values(8.0, rows=60, blocks=60)
    other = values(7.0, rows=60, blocks=60, seed=2)

    def width(copies: int, together: bool) -> float:
        parts = []
        for one in (small, other):
            table = pd.concat([one.rows] * copies, ignore_index=True)
            place = np.arange(len(table))
            parts.append(side_of(with_keys(table, place % 60 if together else place, place)))
        ((low, high),) = filter(None, differences(measures_of("values", set())[:1], parts[0], parts[1]))
        return high - low

    alone = width(1, together=True)
    assert width(20, together=True) == pytest.approx(alone)
    assert width(20, together=False) < alone / 3


def test_draws_do_not_depend_on_how_many_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = side_of(values(8.0).rows), side_of(values(5.0, seed=2).rows)
    measures = measures_of("values", {"low", "high"})
    whole = differences(measures, *sides, resamples=50)
    monkeypatch.setattr("training.compare.intervals.CELLS", 3000)
    for one, other in zip(differences(measures, *sides, resamples=50), whole, strict=True):
        assert one == pytest.approx(other)
