from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from serving.edge.codec.records import decode_instances
from serving.kernel.errors import Invalid
from training.score.question_file import read_question_file
from training.score.rows import Reject, read_block


class Item(msgspec.Struct, forbid_unknown_fields=True):
    day: datetime.date
    size: Annotated[float, msgspec.Meta(ge=0)] = 1.0


class Order(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=9)]
    fast: bool = False
    weight: float | None = None
    items: tuple[Item, ...] = ()


class Flat(msgspec.Struct, forbid_unknown_fields=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=9)]
    fast: bool = False
    weight: float | None = None


def read(
    path: Path, question: type[msgspec.Struct], keep: tuple[str, ...] = (), block_rows: int = 100, size: int = 3
) -> tuple[dict[int, Any], list[Reject], dict[str, list[Any]]]:
    """Questions, rejections and kept columns of a file."""
    source = read_question_file(path, question, keep, block_rows)
    questions: dict[int, Any] = {}
    rejects: list[Reject] = []
    kept: dict[str, list[Any]] = {name: [] for name in keep}
    count = 0
    for block in source.blocks:
        for rows in read_block(source, block, question, keep, size):
            assert rows.first == count and rows.count <= size
            count += rows.count
            questions |= rows.questions
            rejects += rows.rejects
            for name in keep:
                kept[name] += rows.kept[name].to_pylist()
    assert count == source.rows
    return questions, rejects, kept


def test_nested_parquet(tmp_path: Path) -> None:
    path = tmp_path / "q.parquet"
    day = datetime.date(2024, 1, 2)
    rows = [
        {
            "count": 1,
            "weight": float("nan"),
            "items": [{"day": day, "size": 2.0}, {"day": day, "size": None}],
            "id": 7,
        },
        {"count": 10, "weight": 1.0, "items": [], "id": None},
        {"count": 2, "weight": float("inf"), "items": [], "id": 9},
        {"count": 3, "weight": None, "items": [{"day": None, "size": 1.0}], "id": 10},
        {"count": None, "weight": None, "items": None, "id": 11},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    questions, rejects, kept = read(path, Order, ("id",), block_rows=2, size=1)
    # A null is a field not given, so its default stands; so is NaN.
    assert questions == {0: Order(1, items=(Item(day, 2.0), Item(day)))}
    assert [(one.row, one.field) for one in rejects] == [
        (1, "$.count"),
        (2, "$.weight"),
        (3, "$.items[0].day"),
        (4, "$.count"),
    ]
    assert kept == {"id": [7, None, 9, 10, 11]}


def test_decimals_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "q.parquet"
    pq.write_table(pa.table({"count": [1], "weight": [Decimal("1.25")]}), path)
    assert read(path, Flat)[0] == {0: Flat(1, weight=1.25)}


def test_reasons_are_those_of_the_doors(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    lines = ['{"count":0}', '{"count":"1"}', '{"cnt":1}', '{"count":1,"items":[{"day":"2024-13-01"}]}', "{}"]
    path.write_text("\n".join(lines))
    questions, rejects, _ = read(path, Order)
    assert questions == {} and [one.row for one in rejects] == [0, 1, 2, 3, 4]
    for line, one in zip(lines, rejects, strict=True):
        with pytest.raises(Invalid) as caught:
            decode_instances(Order, b'{"instances":[' + line.encode() + b"]}", 10)
        assert one.reason == caught.value.reason
        assert one.field == caught.value.field.replace("$.instances[0]", "$")


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"count":1,"id":{"x":1}}\n\n  \n{"count":2}\r\nnot json\n[1]\n'
        b'{"count":3,"other":1}\n{"\xff":1}'
    )
    questions, rejects, kept = read(path, Order, ("id", "count"), block_rows=2, size=2)
    assert questions == {0: Order(1), 1: Order(2)}
    assert [(one.row, one.field) for one in rejects] == [(2, ""), (3, "$"), (4, "$.other"), (5, "")]
    assert kept["id"] == ['{"x":1}', None, None, None, None, None]
    assert kept["count"] == [1, 2, None, None, 3, None]


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_bytes(
        b'count,fast,weight,note\r\n1,true,0.5,"a\r\nb"\r\n2,,,\r\n\r\nx,,,\r\n3,1\r\n4,,,\xff\r\n5,no,,"q""q"\r\n'
    )
    questions, rejects, kept = read(path, Flat, ("note",), block_rows=2, size=2)
    assert questions == {0: Flat(1, True, 0.5), 1: Flat(2), 4: Flat(4)}
    assert [(one.row, one.field) for one in rejects] == [(2, "$.count"), (3, ""), (5, "$.fast")]
    assert rejects[1].reason == "2 cells, but the header has 4"
    assert kept["note"] == ["a\r\nb", None, None, None, "\N{REPLACEMENT CHARACTER}", 'q"q']


def test_a_csv_cell_that_is_not_text_is_refused(tmp_path: Path) -> None:
    class Named(msgspec.Struct):
        name: str

    path = tmp_path / "q.csv"
    path.write_bytes(b'name\ngood\n\xff\xfe\n""\n')
    questions, rejects, _ = read(path, Named)
    assert questions == {0: Named("good")}
    assert rejects == [
        Reject(1, "", "not UTF-8 text"),
        Reject(2, "$.name", "required field is missing; allowed: text"),
    ]
