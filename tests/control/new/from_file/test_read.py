from __future__ import annotations

from pathlib import Path

import pytest

from control.errors import NewAppError
from control.new.from_file.kinds import Kind
from control.new.from_file.read import planned
from tests.control.new.from_file.tables import churn
from training.data.notation import Notation


def test_parquet_and_csv_with_other_marks_are_read_alike(tmp_path: Path) -> None:
    frame = churn()
    frame.to_parquet(tmp_path / "rows.parquet")
    frame.to_csv(tmp_path / "rows.csv", index=False, sep=";", decimal=",")
    found = [planned(str(tmp_path / name), "churned", None, None)[0] for name in ("rows.parquet", "rows.csv")]
    assert [plan.source for plan in found] == ["rows.parquet", "rows.csv"]
    assert found[0].inputs == found[1].inputs and found[0].kind is Kind.CLASSIFICATION


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "rows.csv: "),
        ("a,b\n", "rows.csv: the file has a header but no rows"),
        ("a,b\n1,2\n3", "rows.csv, row 3: the file ends in the middle of a row"),
        ("a,a\n1,2\n", "column 'a' occurs twice"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(NewAppError) as refusal:
        planned(str(tmp_path / "rows.csv"), "b", None, None)
    assert said in str(refusal.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NewAppError, match=r"gone\.csv: there is no such file; check the path given with --from"):
        planned(str(tmp_path / "gone.csv"), "b", None, None)


def test_too_few_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n2,3\n")
    with pytest.raises(NewAppError, match="2 rows with a 'b'; an app needs at least 60"):
        planned(str(tmp_path / "rows.csv"), "b", None, None)


def test_dates_that_can_be_either_way_need_an_option(tmp_path: Path) -> None:
    days = [f"{place % 12 + 1:02}/{place // 12 % 12 + 1:02}/{2010 + place // 144}" for place in range(300)]
    churn().assign(joined=days).to_csv(tmp_path / "rows.csv", index=False)
    plan, notes = planned(str(tmp_path / "rows.csv"), "churned", None, None)
    assert notes == () and plan.time is None
    assert "--dates day-first or --dates month-first" in dict(plan.left_out)["joined"]
    with pytest.raises(NewAppError, match="a forecast needs .* rows of a series; joined: .*--dates day-first or"):
        planned(str(tmp_path / "rows.csv"), "calls", Kind.FORECAST, None)
    told, notes = planned(str(tmp_path / "rows.csv"), "churned", None, None, Notation(dates="day-first"))
    assert told.time is not None and told.time.name == "joined"
    assert notes == ("column 'joined': '01/01/2010' is read as 2010-01-01",)
