from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.score.test_rows import Flat, read
from training.score.kept import KeptColumn


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", None, "-20", "0"], "int"),
        (["1", "2.5", "1e-3"], "float"),
        (["007", "8"], "text"),
        (["+1"], "text"),
        (["1", "x"], "text"),
        (["9223372036854775807"], "int"),
        (["9223372036854775808"], "text"),
        (["9007199254740993", "0.5"], "text"),
        (["1e999"], "text"),
        (["true", "false"], "text"),
        ([None], "text"),
        ([], "text"),
    ],
)
def test_cells_are_numbers_only_when_they_lose_nothing(cells: list[str | None], kind: str) -> None:
    column = KeptColumn()
    for cell in cells:
        column.see_cell(cell)
    assert column.kind("text") == kind


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ([b"1", None, b"null", b"2"], "int"),
        ([b"1", b"2.5"], "float"),
        ([b"true", b"false"], "bool"),
        ([b'"a"', b'"1"'], "text"),
        ([b'"a"', b"1"], "json"),
        ([b"[1]"], "json"),
        ([b"9223372036854775808"], "json"),
        ([b"null"], "text"),
    ],
)
def test_members_keep_their_types(members: list[bytes | None], kind: str) -> None:
    column = KeptColumn()
    for member in members:
        column.see_member(member)
    assert column.kind("json") == kind


def test_kept_columns_of_csv_are_the_numbers_and_text_they_were(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_bytes(
        b'\xef\xbb\xbforder,count,share,code,note\r\n100,1,0.5,007,"a, b"\r\n101,2,1,12,\r\n,3,,,x\r\n'
    )
    kept = read(path, Flat, ("order", "share", "code", "note"), block_rows=2)[2]
    assert kept == {
        "order": [100, 101, None],
        "share": [0.5, 1.0, None],
        "code": ["007", "12", None],
        "note": ["a, b", None, "x"],
    }


def test_kept_members_of_json_lines_are_the_values_they_were(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"count":1,"id":"a","n":1,"mixed":"x"}\n{"count":2,"id":"b","n":2.5,"mixed":[1]}\n{"count":3}\n'
    )
    kept = read(path, Flat, ("id", "n", "mixed"), block_rows=2)[2]
    assert kept == {"id": ["a", "b", None], "n": [1.0, 2.5, None], "mixed": ['"x"', "[1]", None]}
