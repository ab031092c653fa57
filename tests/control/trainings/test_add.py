"""What is wrong with a sample is said before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from control.settings import StackSettings
from control.trainings.add import add_on_stack
from tests.training.added.truth.made import good, rows
from training.added.errors import AddError
from training.errors import DataError


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ignored": ("a",)}, "--ignore leaves out columns of the sample: give it with --sample"),
        ({"sample": "gone.csv"}, "check the path given with --sample"),
        ({"label": "churned"}, "--label needs rows: give them with --sample"),
        ({"sample": "rows.csv", "time": "day"}, "name the column of the labels with --label"),
        ({"sample": "rows.csv", "group": "who"}, "name the column of the labels with --label"),
        ({"sample": "rows.csv", "label": "gone"}, "--label: the sample has no column 'gone'"),
        (
            {"sample": "rows.csv", "label": "churned", "ignored": ("gone",)},
            "--ignore: the sample has no column 'gone'",
        ),
        ({"sample": "rows.csv", "label": "churned"}, "takes 3 values; there are 7 columns"),
        ({"sample": "rows.csv", "label": "level", "columns": ("a", "b", "c")}, "'3', which are not classes"),
    ],
)
def test_a_wrong_sample_starts_nothing(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    rows(100).to_csv("rows.csv", index=False)
    with pytest.raises((AddError, DataError), match=said):
        add_on_stack(settings, str(good(tmp_path)), "m", triton=False, **options)  # type: ignore[arg-type]
    assert not settings.home.exists() and not settings.model_repository.exists()
