from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data import read
from training.errors import DataError

GOOD = "day,price\n2020-01-01,10\n2020-01-02,11\n"


def test_reads_one_file_and_knows_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    dataset = read.from_files([path])
    assert list(dataset.frame["price"]) == [10, 11]
    assert dataset.source == "a.csv"
    assert not dataset.synthetic
    assert read.from_files([path]).sha256 == dataset.sha256
    path.write_text(GOOD.replace("11", "12"))
    assert read.from_files([path]).sha256 != dataset.sha256


def test_several_files_and_kinds_are_put_below_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeff" + GOOD)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(GOOD.encode()))
    pd.DataFrame({"day": ["2020-01-05"], "price": [12]}).to_parquet(tmp_path / "c.parquet")
    dataset = read.from_files([tmp_path / name for name in ("a.csv", "b.csv.gz", "c.parquet")])
    assert list(dataset.frame["price"]) == [10, 11, 10, 11, 12]
    assert [read.file_and_row(dataset, label) for label in dataset.frame.index] == [
        "a.csv, row 2",
        "a.csv, row 3",
        "b.csv.gz, row 2",
        "b.csv.gz, row 3",
        "c.parquet, row 2",
    ]


def test_blank_lines_keep_the_row_numbers_right(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("day,price\n2020-01-01,10\n\n2020-01-02,11\n")
    (tmp_path / "b.csv").write_text(GOOD)
    dataset = read.from_files([tmp_path / "a.csv", tmp_path / "b.csv"])
    labels = dataset.frame.index
    assert [read.file_and_row(dataset, label) for label in labels][1:3] == ["a.csv, row 4", "b.csv, row 2"]


def test_lines_of_json_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '\ufeff{"day": "2020-01-01", "price": 10.5}\n\n{"note": "a\\u2028b\u2028c", "day": "2020-01-02"}\n'
    )
    dataset = read.from_files([path])
    assert dataset.frame.columns.tolist() == ["day", "price", "note"]
    assert (
        dataset.frame["price"].isna().tolist() == [False, True] and dataset.frame["note"][2] == "a\u2028b\u2028c"
    )
    assert [read.file_and_row(dataset, label) for label in dataset.frame.index] == [
        "a.jsonl, row 1",
        "a.jsonl, row 3",
    ]
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert read.from_files([tmp_path / "b.ndjson.gz"]).frame.equals(dataset.frame)


def test_parquet_files_give_plain_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2020-01-01", periods=3),
            "exact": [Decimal("1.10"), None, Decimal("2.25")],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "word": pd.array(["a", "b", None], dtype="string"),
        }
    )
    frame.set_index("day").to_parquet(tmp_path / "a.parquet")
    frame.set_axis([4, 9, 7]).to_parquet(tmp_path / "b.parquet")
    for name in ("a", "b"):
        dataset = read.from_files([tmp_path / f"{name}.parquet"])
        assert sorted(dataset.frame.columns) == ["count", "day", "exact", "word"]
        assert [dtype.kind for dtype in dataset.frame[["day", "exact", "count", "word"]].dtypes] == list("MffO")
        assert [read.file_and_row(dataset, label) for label in dataset.frame.index][-1] == f"{name}.parquet, row 4"


def test_arrays_become_columns(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.arange(6.0).reshape(3, 2), y=np.array([0, 1, 0]))
    dataset = read.from_files([tmp_path / "a.npz"])
    assert dataset.frame.to_dict("list") == {"X_1": [0, 2, 4], "X_2": [1, 3, 5], "y": [0, 1, 0]}
    assert dataset.frame["y"].dtype == np.int64


def write(content: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(content), None)[1]


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("gone.csv", lambda path: None, ["gone.csv", "no such file", "--data"]),
        ("empty.csv", write(b""), ["empty.csv", "empty"]),
        ("header.csv", write(b"a,b\n"), ["header.csv", "no rows"]),
        ("binary.csv", write(b"\x89PNG\0\0\0\1"), ["binary.csv", "binary"]),
        ("latin.csv", write(b"a,b\n\xe9,1\n"), ["latin.csv", "UTF-8"]),
        ("cut.csv", write(b"a,b,c\n1,2,3\n4,5"), ["cut.csv, row 3", "incomplete"]),
        ("wide.csv", write(b"a,b\n1,2\n1,2,3,4\n"), ["wide.csv", "line 3"]),
        ("twice.csv", write(b"a,a\n1,2\n"), ["twice.csv", "'a'", "twice"]),
        ("cut.csv.gz", write(gzip.compress(b"a,b\n1,2\n" * 999)[:40]), ["cut.csv.gz", "incomplete"]),
        ("no.csv.gz", write(b"a,b\n1,2\n"), ["no.csv.gz", "incomplete"]),
        ("cut.parquet", write(b"PAR1 and no more"), ["cut.parquet", "incomplete"]),
        ("cut.npz", write(b"PK\x03\x04 and no more"), ["cut.npz", "incomplete"]),
        ("text.npz", write(b"1,2,3"), ["text.npz", "plain numbers"]),
        ("objects.npz", lambda path: np.savez(path, X=np.array([None, 1])), ["objects.npz", "plain numbers"]),
        ("deep.npz", lambda path: np.savez(path, X=np.zeros((2, 2, 2))), ["deep.npz", "'X' has 3 axes"]),
        ("uneven.npz", lambda path: np.savez(path, X=np.zeros(2), y=np.zeros(3)), ["uneven.npz", "[2, 3] rows"]),
        ("none.npz", lambda path: np.savez(path, X=np.zeros((0, 2))), ["none.npz", "no rows"]),
        ("cut.jsonl", write(b'{"a": 1}\n{"a'), ["cut.jsonl, row 2", "expected a JSON object"]),
        ("lists.jsonl", write(b"[1, 2]\n"), ["lists.jsonl, row 1", "got `array`; expected a JSON object"]),
        ("none.jsonl", write(b"\n"), ["none.jsonl", "empty"]),
        (
            "twice.parquet",
            lambda path: pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path),
            ["twice.parquet", "'a'", "twice"],
        ),
        ("sheet.xlsx", write(b"PK"), ["sheet.xlsx", ".csv"]),
        ("folder.csv", lambda path: path.mkdir(), ["folder.csv", "directory"]),
    ],
)
def test_a_bad_file_is_named_with_what_to_do(
    tmp_path: Path, name: str, make: Callable[[Path], None], words: list[str]
) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError) as error:
        read.from_files([tmp_path / name])
    for word in words:
        assert word in str(error.value)


def test_files_of_different_layouts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text("day,cost\n2020-01-01,1\n")
    with pytest.raises(DataError, match=r"b\.csv: its columns differ from those of a\.csv: missing \['price'\]"):
        read.from_files([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_a_query_is_read_by_dsn(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "d.db")
    connection.executescript("create table p (day text, price int); insert into p values ('2020-01-01', 5)")
    connection.close()
    dataset = read.from_query(f"sqlite:///{tmp_path}/d.db", "select * from p")
    assert dataset.frame.to_dict("records") == [{"day": "2020-01-01", "price": 5}]
    assert str(tmp_path) not in dataset.source
    with pytest.raises(DataError, match="no such table"):
        read.from_query(f"sqlite:///{tmp_path}/d.db", "select * from q")
    with pytest.raises(DataError, match="no rows"):
        read.from_query(f"sqlite:///{tmp_path}/d.db", "select * from p where price > 9")


@pytest.mark.parametrize("dsn", ["postgresql://u:hunter2@127.0.0.1:1/d", "nope://u:hunter2@h/d", "hunter2"])
def test_no_message_shows_the_password(dsn: str) -> None:
    with pytest.raises(DataError) as error:
        read.from_query(dsn, "select 1")
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None


NAMES = ("people", "dates")


def tables(folder: Path) -> Path:
    (folder / "people.csv").write_text("id,name\n1,a\n\n2,b\n")
    (folder / "dates.csv.gz").write_bytes(gzip.compress(b"id,day\n2,2020-01-02\n1,2020-01-01\n"))
    (folder / "README.txt").write_text("not a table")
    return folder


def join(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    people = found["people"]
    return people.merge(found["dates"], on="id", how="left").set_axis(people.index)


def test_tables_of_a_folder_or_one_by_one_are_joined(tmp_path: Path) -> None:
    folder = tables(tmp_path)
    dataset = read.from_tables([folder], NAMES, join)
    assert list(dataset.frame["day"]) == ["2020-01-01", "2020-01-02"]
    assert [read.file_and_row(dataset, label) for label in dataset.frame.index] == [
        "people.csv, row 2",
        "people.csv, row 4",
    ]
    assert dataset.source == "people.csv, dates.csv.gz"
    again = read.from_tables([folder / "dates.csv.gz", folder / "people.csv"], NAMES, join)
    assert again.sha256 == dataset.sha256


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["people.csv"], "table 'dates' is missing; give the folder"),
        (["people.csv", "other.csv"], "other.csv: not a table of this app; its tables are people, dates"),
        (["people.csv", "."], "the table people was already given as people.csv"),
        (["gone.csv"], "gone.csv: not a table of this app"),
    ],
)
def test_tables_that_are_missing_or_too_many_are_refused(tmp_path: Path, given: list[str], words: str) -> None:
    folder = tables(tmp_path)
    with pytest.raises(DataError, match=words):
        read.from_tables([folder / name for name in given], NAMES, join)


def test_tab_separated_files_have_no_header_and_name_their_rows(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text('5" pipe\tsaid "so"\t1\n\t#b\t0\n')
    (tmp_path / "test.tsv").write_bytes(b"\xef\xbb\xbfc\td\t0\r\n")
    paths = [tmp_path / "train.txt", tmp_path / "test.tsv"]
    dataset = read.from_files(paths, columns=("left", "right", "label"), file_column="file")
    assert dataset.frame["left"].tolist() == ['5" pipe', "", "c"]
    assert dataset.frame["right"].tolist() == ['said "so"', "#b", "d"]
    assert dataset.frame["label"].tolist() == ["1", "0", "0"]
    assert dataset.frame["file"].tolist() == ["train", "train", "test"]
    assert [read.file_and_row(dataset, label) for label in dataset.frame.index] == [
        "train.txt, row 1",
        "train.txt, row 2",
        "test.tsv, row 1",
    ]


def test_a_tab_separated_row_of_another_width_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("a\tb\t1\na\tb\n")
    with pytest.raises(DataError, match=r"pairs.txt, row 2: 2 columns; expected 3 columns \(left, right, label\)"):
        read.from_files([path], columns=("left", "right", "label"))


def test_tab_separated_files_need_a_recipe_that_names_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("a\tb\t1\n")
    with pytest.raises(
        DataError,
        match=r"expected a file that ends in \.csv, \.csv\.gz, \.parquet, \.pq, \.jsonl, \.ndjson, \.npz$",
    ):
        read.from_files([path])
    path.write_text("")
    with pytest.raises(DataError, match="no rows"):
        read.from_files([path], columns=("left",))
