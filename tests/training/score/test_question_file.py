from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.price.schema import PriceQuestion
from tests.training.toy import Question
from training.errors import DataError
from training.score import question_file
from training.score.question_file import flat, read_question_file


def test_blocks_of_parquet_cover_every_row_once(tmp_path: Path) -> None:
    path = tmp_path / "q.parquet"
    pq.write_table(pa.table({"a": [float(row) for row in range(1000)]}), path, row_group_size=300)
    found = read_question_file(path, Question, (), 70)
    assert found.rows == 1000 and [block.number for block in found.blocks] == list(range(len(found.blocks)))
    covered = [block.first + row for block in found.blocks for row in range(block.rows)]
    assert covered == list(range(1000))
    # A group is never cut into so many blocks that reading past rows would cost more than scoring.
    assert max(len([b for b in found.blocks if b.start == group]) for group in range(4)) <= question_file.SPLITS
    assert len(read_question_file(path, Question, (), 1).blocks) <= 4 * question_file.SPLITS


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_blocks_of_text_hold_whole_rows(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "q.csv"
    lines = ["a,id", '1,"two\nlines"', "2,x", "", "3,y", "4,z"]
    path.write_bytes(b"\xef\xbb\xbf" + newline.join(lines).encode())
    found = read_question_file(path, Question, ("id",), 2)
    assert found.columns == ("a", "id")
    assert [(block.first, block.rows) for block in found.blocks] == [(0, 2), (2, 2)]
    raw = path.read_bytes()
    first = found.blocks[0]
    assert raw[first.start : first.start + first.extent].startswith(b'1,"two')


def test_columns_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    def refused(
        name: str, content: str, keep: tuple[str, ...] = (), question: type[msgspec.Struct] = Question
    ) -> str:
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError) as caught:
            read_question_file(tmp_path / name, question, keep, 10)
        return str(caught.value)

    assert "column 'c' is not a field of the question (a, b)" in refused("q.csv", "a,c\n1,2\n")
    assert "--keep c" in refused("q.csv", "a,c\n1,2\n")
    assert "column 'a' is missing" in refused("q.csv", "b\n1\n")
    assert "column 'a' occurs twice" in refused("q.csv", "a,a\n1,2\n")
    assert "has no such column" in refused("q.csv", "a\n1\n", ("d",))
    assert "no rows" in refused("q.csv", "a\n")
    assert "no rows" in refused("q.jsonl", "\n\n")
    assert "expected a file that ends in .parquet" in refused("q.txt", "a\n")
    assert "cannot be read" in refused("q.parquet", "no parquet")
    assert "column 'history' holds lists or objects" in refused("q.csv", "commodity\nonion\n", (), PriceQuestion)
    with pytest.raises(DataError, match="there is no such file"):
        read_question_file(tmp_path / "none.parquet", Question, (), 10)


def test_a_row_without_an_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question_file, "LONGEST", 100)
    path = tmp_path / "q.csv"
    path.write_text('a\n1\n"2\n' + "3\n" * 100)
    with pytest.raises(DataError, match="is a quote missing"):
        read_question_file(path, Question, (), 10)


def test_flat() -> None:
    fields = {item.encode_name: item.type for item in msgspec.inspect.type_info(PriceQuestion).fields}  # type: ignore[attr-defined]
    assert {name for name, kind in fields.items() if flat(kind)} == {"commodity", "market", "horizon"}
