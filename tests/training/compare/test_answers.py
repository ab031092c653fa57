"""Two versions of an added model, compared by their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serving import added
from training.compare.answers import Answers, AnswersRequest, _difference, compare_answers
from training.errors import DataError
from training.score.version import ModelRuntime


def compared(folder: Path, data: str = "") -> Answers:
    path = folder / "rows.csv"
    path.write_text(data)
    runtime = ModelRuntime(repository=str(folder / "models"))
    return compare_answers(
        AnswersRequest(
            app=added.NAME, versions=(1, 2), home=folder / "home", runtime=runtime, data=path if data else None
        )
    )


def test_on_a_file_and_on_golden_rows(tmp_path: Path) -> None:
    added.write_version(tmp_path / "models", 1, weights=(1, 1))
    added.write_version(tmp_path / "models", 2, weights=(1, 3))
    found = compared(tmp_path, "id,a,b\nx,1,0\ny,1,2\nz,1,4\nw,,1\n")
    (line,) = found.lines
    assert (line.output, line.rows, line.mean, line.largest) == ("total", 3, 4, 8)
    assert line.same == pytest.approx(1 / 3)
    assert (found.rows, found.only_first, found.only_second, found.data) == (3, 0, 0, "rows.csv")
    assert found.neither == 1
    golden = compared(tmp_path)
    assert (golden.rows, golden.data) == (4, "")


def test_versions_with_other_columns_need_rows_that_both_take(tmp_path: Path) -> None:
    added.write_version(tmp_path / "models", 1, weights=(1, 1))
    added.write_version(tmp_path / "models", 2, weights=(1, 1, 1), names="abc")
    with pytest.raises(DataError, match=r"no row was answered .* Version 1 rejects row \d: \$.c: not a known"):
        compared(tmp_path)
    found = compared(tmp_path, "a,b,c\n1,2,0\n1,2,\n")
    assert (found.rows, found.only_first) == (1, 1)
    assert found.lines[0].same == 1


@pytest.mark.parametrize(
    ("one", "other", "errors", "same"),
    [
        ("a", "a", None, True),
        ("a", "b", None, False),
        ({"a": 0.5, "b": 0.5}, {"b": 0.5, "a": 0.5}, [0, 0], True),
        ({"a": 0.5, "b": 0.5}, {"a": 0.5, "c": 0.5}, None, False),
        ([[1.0, None]], [[1.0, None]], [0, 0], True),
        ([1.0], [1.0, 2.0], None, False),
        (1.0, None, [float("inf")], False),
        (1000.0, 1000.05, [0.05], True),
    ],
)
def test_what_is_the_same(one: Any, other: Any, errors: Any, same: bool) -> None:
    found, equal = _difference(one, other)
    assert equal is same
    assert (found is None) == (errors is None)
    if errors is not None:
        assert found == pytest.approx(errors)
