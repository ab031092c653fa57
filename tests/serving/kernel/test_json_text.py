from __future__ import annotations

import datetime
import enum
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from serving.kernel.added.columns import Column
from serving.kernel.added.record_types import question_types
from serving.kernel.errors import Invalid, Malformed
from serving.kernel.json_text import decode_json
from serving.kernel.tensors import TensorSpec
from tests.serving import added


class Season(enum.Enum):
    KHARIF = "kharif"
    RABI = "rabi"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    value: Annotated[float, Meta(gt=0)]


class Record(msgspec.Struct, forbid_unknown_fields=True):
    day: datetime.date | None = None
    season: Season | None = None
    mode: Literal["a", "b"] = "a"
    inner: Inner | None = None
    table: dict[str, Inner] = {}
    code: Annotated[str, Meta(pattern="^[A-Z]+$")] = "A"
    pair: tuple[int, float] = (1, 1.0)
    many: Annotated[list[int], Meta(max_length=2)] = []
    even: Annotated[int, Meta(multiple_of=2)] = 2
    few: Annotated[int, Meta(le=3)] = 1
    listed: Annotated[tuple[Inner, ...], Meta(max_length=9, description="Described lists are looked into.")] = ()


class Level(enum.IntEnum):
    LOW = 1


class Tree(msgspec.Struct):
    size: int = 0
    below: list[Tree] = []
    raw: msgspec.Raw = msgspec.Raw()
    level: Level = Level.LOW
    one_of: Literal[1, 2] = 1
    maybe: int | None = None
    either: int | float = 0
    named: dict[str, list[int]] = {}
    many: tuple[int, ...] = ()
    pair: tuple[float, int] = (0.0, 0)
    day: datetime.date | None = None


DECODER = msgspec.json.Decoder(Record)
TREES = msgspec.json.Decoder(Tree)


@pytest.mark.parametrize(
    ("raw", "field", "says"),
    [
        ('{"day":"2024-13-01"}', "$.day", "allowed: a date as YYYY-MM-DD or null"),
        ('{"listed":[{"value":"x"}]}', "$.listed[0].value", "got a string; allowed: a number > 0"),
        ('{"listed":[{}]}', "$.listed[0].value", "required field is missing; allowed: a number > 0"),
        ('{"listed":[{"other":1}]}', "$.listed[0].other", "not a known field; allowed: value"),
        ('{"day":5}', "$.day", "got a whole number; allowed: a date"),
        ('{"season":"summer"}', "$.season", "invalid enum value 'summer'; allowed: one of kharif, rabi or null"),
        ('{"mode":"c"}', "$.mode", "allowed: one of a, b"),
        ('{"inner":{"value":0}}', "$.inner.value", "out of range; allowed: a number > 0"),
        ('{"inner":{"valu":0}}', "$.inner.valu", "not a known field; allowed: value"),
        ('{"inner":{}}', "$.inner.value", "required field is missing; allowed: a number > 0"),
        ('{"table":{"x":{"value":"1"}}}', "$.table[...].value", "got a string; allowed: a number > 0"),
        ('{"code":"a"}', "$.code", "matching ^[A-Z]+$"),
        ('{"pair":[1]}', "$.pair", "allowed: a list"),
        ('{"many":[1,2,3]}', "$.many", "wrong length; allowed: a list of 0 to 2 items"),
        ('{"even":3}', "$.even", "a multiple of 2"),
        ('{"few":4}', "$.few", "out of range; allowed: a whole number <= 3"),
    ],
)
def test_field_and_allowed(raw: str, field: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(DECODER, raw.encode())
    assert caught.value.field == field
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("raw", "same"),
    [
        ('{"size":5.0}', '{"size":5}'),
        ('{"size":5e0}', '{"size":5}'),
        ('{"size":50E-1}', '{"size":5}'),
        ('{"size":-0.0}', '{"size":0}'),
        ('{"size":9007199254740992.0}', '{"size":9007199254740992}'),
        (
            '{"below":[{"below":[{"size":1},{"size":2.0}]}],"day":"2024-01-31"}',
            '{"below":[{"below":[{"size":1},{"size":2}]}],"day":"2024-01-31"}',
        ),
        ('{"level":1.0,"one_of":2.0,"maybe":3.0}', '{"level":1,"one_of":2,"maybe":3}'),
        (
            '{"named":{"a":[1,2.0]},"many":[1.0,2],"pair":[1.0,2.0]}',
            '{"named":{"a":[1,2]},"many":[1,2],"pair":[1,2]}',
        ),
    ],
)
def test_a_whole_number_may_be_written_with_a_point(raw: str, same: str) -> None:
    assert decode_json(TREES, raw.encode()) == decode_json(TREES, same.encode())


def test_other_numbers_stay_as_they_are() -> None:
    found = decode_json(
        TREES, b'{"size":5.0,"either":7.0,"pair":[-0.0,1],"raw":{"x": [1.0, 10000000000000000000000]}}'
    )
    assert (found.size, type(found.either), str(found.pair[0])) == (5, float, "-0.0")
    assert msgspec.json.decode(found.raw) == {"x": [1.0, 10**22]}


@pytest.mark.parametrize(
    ("raw", "field", "says"),
    [
        ('{"size":5.5}', "$.size", "got a number with a decimal point; allowed: a whole number"),
        (
            '{"size":5.0,"maybe":5.5}',
            "$.maybe",
            "got a number with a decimal point; allowed: a whole number or null",
        ),
        ('{"size":9007199254740994.0}', "$.size", "got a number with a decimal point"),
        ('{"size":1e300}', "$.size", "got a number with a decimal point"),
        ('{"size":"5.0"}', "$.size", "got a string"),
        ('{"size":5.0,"maybe":"5"}', "$.maybe", "got a string"),
        ('{"size":5.0,"day":"x"}', "$.day", "a date"),
    ],
)
def test_what_is_no_whole_number_is_refused(raw: str, field: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(TREES, raw.encode())
    assert caught.value.field == field
    assert says in caught.value.message


def test_of_a_name_that_is_there_twice_the_last_value_counts() -> None:
    assert decode_json(DECODER, b'{"few":1,"few":2,"even":4}') == Record(few=2, even=4)
    assert decode_json(DECODER, b'{"few":1.0,"few":2.0,"even":4}') == Record(few=2, even=4)
    question, _ = question_types("churn", added.AB.columns, added.INPUTS)
    with pytest.raises(Invalid, match=r"\$\.a: required field is missing"):
        decode_json(msgspec.json.Decoder(question), b'{"b":1,"b":2}')


def test_a_whole_number_is_held_to_its_range() -> None:
    with pytest.raises(Invalid, match=r"\$\.few: out of range; allowed: a whole number <= 3"):
        decode_json(DECODER, b'{"few":4.0}')
    with pytest.raises(Malformed, match="ends too early"):
        decode_json(DECODER, b'{"few":3.0,"even":')


def test_a_place_in_a_list_that_stands_for_an_object_is_named_by_its_field() -> None:
    question, positional = question_types("churn", added.AB.columns, added.INPUTS)
    decoder = msgspec.json.Decoder(list[question | positional])
    for raw, said in (
        (b'[[1, 2], [1, "x"]]', "$[1][1]: got a string; allowed for b: a number or null"),
        (b'[["x", 2]]', "$[0][0]: got a string; allowed for a: a number"),
        (b"[[1]]", "$[0]: wrong length; allowed: an object with a or a list of 2 items"),
    ):
        with pytest.raises(Invalid) as caught:
            decode_json(decoder, raw)
        assert str(caught.value) == said


@pytest.mark.parametrize("place", [0, 1, 2, 3, 4])
def test_a_name_with_dots_and_brackets_is_found(place: int) -> None:
    names = ("a.b", "a", "x[0]", "q`t", "e f")
    columns = tuple(Column(name=name, tensor="x", position=at) for at, name in enumerate(names))
    question, positional = question_types("odd", columns, (TensorSpec("x", "FP32", (-1, 5)),))
    decoder = msgspec.json.Decoder(list[question | positional])
    name, row = names[place], dict.fromkeys(names, 1)
    absent = {key: value for key, value in row.items() if key != name}
    for given, said in (
        ({**row, name: "x"}, f"$[1].{name}: got a string; allowed: a number"),
        (absent, f"$[1].{name}: required field is missing; allowed: a number"),
        ({**row, f"{name} 2": 1}, f"$[1].{name} 2: not a known field; allowed: a.b, a, x[0], q`t, e f"),
    ):
        with pytest.raises(Invalid) as caught:
            decode_json(decoder, msgspec.json.encode([row, given]))
        assert str(caught.value) == said


def test_a_large_text_is_decoded_once() -> None:
    """The second time it would be taken apart as a whole, into many times its size."""
    assert decode_json(DECODER, b'{"few":3.0%s}' % (b" " * 1000)).few == 3
    with pytest.raises(Invalid, match=r"\$\.few: got a number with a decimal point"):
        decode_json(DECODER, b'{"few":3.0%s}' % (b" " * 2**20))


def test_a_long_unknown_name_is_cut() -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(DECODER, b'{"' + b"x" * 5000 + b'":1}')
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "the body is empty"),
        (b"{", "ends too early, after 1 bytes"),
        (b"{]", "byte 1"),
        (b'{"few":NaN}', "it has no NaN and no infinity, null stands for a number that is not known"),
        (memoryview(b'{"few":Infinity}'), "no NaN and no infinity"),
        (b'{"few":nine}', r"byte 11\)$"),
        (b'{"few":nan}', "no NaN and no infinity"),
        (b'{"few":-inf}', "no NaN and no infinity"),
        (b'{"code":"\xff"}', "not valid UTF-8"),
        (b"[" * 100_000, "got a list"),
    ],
)
def test_not_json(raw: bytes, says: str) -> None:
    with pytest.raises((Malformed, Invalid), match=says):
        decode_json(DECODER, raw)


def test_depth() -> None:
    with pytest.raises(Malformed, match="nested too deeply"):
        decode_json(msgspec.json.Decoder(), b"[" * 100_000 + b"]" * 100_000)
