from __future__ import annotations

import datetime
import enum
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from serving.kernel.errors import Invalid, Malformed
from serving.kernel.json_text import decode_json


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


DECODER = msgspec.json.Decoder(Record)


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
