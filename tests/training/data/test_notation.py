from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from training.data.notation import Notation, advice, delimiter_of, named_delimiter
from training.data.read import file_and_row, from_files
from training.errors import DataError
from training.recipe import Dataset


def read(folder: Path, text: str, **told: str) -> Dataset:
    (folder / "a.csv").write_text(text)
    return from_files([folder / "a.csv"], told=Notation.of(told))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_columns_may_be_separated_by_other_marks(tmp_path: Path, mark: str) -> None:
    dataset = read(tmp_path, f"day{mark}price\n2020-01-01{mark}10\n\n2020-01-02{mark}11\n")
    assert dataset.frame.to_dict("list") == {"day": ["2020-01-01", "2020-01-02"], "price": [10, 11]}
    with pytest.raises(DataError, match="row 3: the file ends in the middle of a row"):
        read(tmp_path, f"day{mark}price{mark}b\n2020-01-01{mark}10{mark}1\n2020-01-02")


@pytest.mark.parametrize("first", ["sep=;\n", '"sep=;"\r\n', "SEP=;;\n"])
def test_the_first_line_of_excel_names_the_delimiter(tmp_path: Path, first: str) -> None:
    dataset = read(tmp_path, f"{first}day;price\n2020-01-01;10,5\n\n2020-01-02;11\n")
    assert dataset.frame.to_dict("list") == {"day": ["2020-01-01", "2020-01-02"], "price": [10.5, 11]}
    assert [file_and_row(dataset, place) for place in dataset.frame.index] == ["a.csv, row 3", "a.csv, row 5"]
    for text, said in (
        ("day;day\n", "a.csv: row 2: column 'day' occurs twice"),
        ("day;price;b\n1;2;3\n4;5", "a.csv, row 4: the file ends in the middle of a row"),
        ("day;price\n1;2\n1;2;3;4\n", "line 4"),
    ):
        with pytest.raises(DataError, match=said):
            read(tmp_path, first + text)
    whole = read(tmp_path, "sep=|\nname|price\na,b;c|1\n")
    assert whole.frame.to_dict("list") == {"name": ["a,b;c"], "price": [1]}
    assert named_delimiter("sepal;petal\n1;2\n") == ("", 0)


def test_a_semicolon_in_a_text_is_no_delimiter() -> None:
    assert delimiter_of("name,price\na;b;c,1\n") == ","
    assert delimiter_of("name\na;b\n") == ","
    assert delimiter_of("name;price\n1,5;2,5\n") == ";"
    assert delimiter_of("") == ","


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "12,25", "3"], [1.5, 12.25, 3.0]),
        (["1.234,5", "2.000.000", "7"], [1234.5, 2e6, 7.0]),
        (["1.5", "12.25", "3"], [1.5, 12.25, 3.0]),
        (["1,10,000", "2,500", "7"], [110000, 2500, 7]),
        (["1,234.5", "2,000", "7"], [1234.5, 2000, 7]),
    ],
)
def test_the_numbers_of_a_semicolon_file_show_their_decimal_mark(
    tmp_path: Path, cells: list[str], values: list[float]
) -> None:
    dataset = read(tmp_path, "\n".join(["day;price", *(f"01.02.2019;{cell}" for cell in cells)]) + "\n")
    assert dataset.frame["price"].tolist() == values
    assert dataset.frame["day"].tolist() == ["01.02.2019"] * 3, "a date is no number with dots"


def test_a_mark_that_can_be_either_is_asked_for(tmp_path: Path) -> None:
    text = "day;price\na;1,234\nb;5,678\n"
    with pytest.raises(DataError, match=r"a\.csv: column 'price' has '1,234'.*--decimal comma or point"):
        read(tmp_path, text)
    assert read(tmp_path, text, decimal="comma").frame["price"].tolist() == [1.234, 5.678]
    assert read(tmp_path, text, decimal="point").frame["price"].tolist() == [1234, 5678]
    with pytest.raises(DataError, match="column 'a' has '1,5' with a decimal comma, column 'b' has '1.5'"):
        read(tmp_path, "a;b\n1,5;1.5\n")


def test_thousands_and_lakhs_are_read_and_named(tmp_path: Path) -> None:
    dataset = read(tmp_path, 'price,crore,name\n"1,10,000","1,00,00,000",a\n900,,b\n"2,345.5",5,"1,2"\n')
    assert dataset.frame["price"].tolist() == [110000, 900, 2345.5]
    assert dataset.frame["crore"].iloc[[0, 2]].tolist() == [1e7, 5]
    assert dataset.frame["name"].tolist() == ["a", "b", "1,2"]
    assert "column 'price': '1,10,000' is read as 110000" in dataset.notes


def test_a_decimal_comma_in_quotes_needs_the_option(tmp_path: Path) -> None:
    text = 'price,n\n"1,5",1\n"2,25",2\n'
    assert read(tmp_path, text).frame["price"].tolist() == ["1,5", "2,25"]
    assert read(tmp_path, text, decimal="comma").frame["price"].tolist() == [1.5, 2.25]
    assert "--decimal comma" in advice("1,5")


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["28/06/2019", "1/7/2019"], ["2019-06-28", "2019-07-01"]),
        (["28-06-2019", "01-07-2019"], ["2019-06-28", "2019-07-01"]),
        (["28.06.2019", "01.07.2019"], ["2019-06-28", "2019-07-01"]),
        (["6/28/2019", "7/1/2019"], ["2019-06-28", "2019-07-01"]),
        (["28/06/2019 9:05", "01/07/2019 10:05"], ["2019-06-28 09:05", "2019-07-01 10:05"]),
        (
            ["2019-06-28T23:30:00+05:30", "2019-07-01T01:00:00+05:30"],
            ["2019-06-28T23:30:00", "2019-07-01T01:00:00"],
        ),
        (["2019-06-28 23:30:00Z", "2019-07-01"], ["2019-06-28 23:30:00", "2019-07-01"]),
        (["2019-06-28", "2019-07-01"], ["2019-06-28", "2019-07-01"]),
        (["28/06/2019", "6/28/2019"], ["28/06/2019", "6/28/2019"]),
        (["28/06/2019", "soon"], ["28/06/2019", "soon"]),
    ],
)
def test_dates_are_written_in_one_way(tmp_path: Path, cells: list[str], wanted: list[str]) -> None:
    dataset = read(tmp_path, "\n".join(["day,n", *(f"{cell},1" for cell in cells)]) + "\n")
    assert dataset.frame["day"].tolist() == wanted
    assert bool(dataset.notes) == (cells != wanted)


def test_dates_that_can_be_either_stay_and_the_option_reads_them(tmp_path: Path) -> None:
    text = "day,n\n03/04/2019,1\n05/06/2019,2\n"
    assert read(tmp_path, text).frame["day"].tolist() == ["03/04/2019", "05/06/2019"]
    assert "--dates day-first or --dates month-first" in advice("03/04/2019")
    assert read(tmp_path, text, dates="day-first").frame["day"].tolist() == ["2019-04-03", "2019-06-05"]
    assert read(tmp_path, text, dates="month-first").frame["day"].tolist() == ["2019-03-04", "2019-05-06"]
    with pytest.raises(DataError, match="--dates day-first: column 'day' has '1/13/2019', which is month-first"):
        read(tmp_path, "day,n\n1/13/2019,1\n", dates="day-first")


def test_dates_of_parquet_files_lose_their_zone_and_keep_the_local_day(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=3, tz="Asia/Kolkata")
    pd.DataFrame({"day": days}).to_parquet(tmp_path / "a.parquet")
    dataset = from_files([tmp_path / "a.parquet"])
    assert dataset.frame["day"].tolist() == pd.date_range("2020-01-01", periods=3).tolist()
    assert "the time zone is left out" in dataset.notes[0]


def test_files_of_one_table_are_read_alike(tmp_path: Path) -> None:
    """The second file alone does not show its order of day and month."""
    (tmp_path / "a.csv").write_text("day,n\n28/06/2019,1\n")
    (tmp_path / "b.csv").write_text("day,n\n01/07/2019,2\n")
    dataset = from_files([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert dataset.frame["day"].tolist() == ["2019-06-28", "2019-07-01"]


@pytest.mark.parametrize(("name", "value"), [("decimal", ","), ("dates", "iso")])
def test_other_values_of_the_options_are_refused(name: str, value: str) -> None:
    with pytest.raises(DataError, match=f"--{name} {value}: expected"):
        Notation.of({name: value})


@pytest.mark.parametrize("rows", ["a,1,10,000\n", "a,5\nb,1,10,000\n"])
def test_commas_in_numbers_without_quotes_never_cut_a_number(tmp_path: Path, rows: str) -> None:
    with pytest.raises(DataError, match=r"a\.csv: .*a number such as 1,10,000 must be in quotes"):
        read(tmp_path, f"market,price\n{rows}")
    assert read(tmp_path, "market,price\na,1,\nb,2,\n").frame["price"].tolist() == [1, 2]
