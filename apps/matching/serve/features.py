"""Convert requirements and availabilities to the model's input. Training calls the same functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os.path import commonprefix

import numpy as np
import numpy.typing as npt

from apps.matching.schema import MOST, Availability, MatchContext, MatchQuestion, Place, Requirement
from apps.matching.serve.tokens import (
    NAME_GRAMS,
    NAME_WORDS,
    OTHER_GRAMS,
    OTHER_WORDS,
    SLOTS,
    VOCABULARY,
    Record,
    record,
)
from serving.kernel.errors import Invalid
from serving.kernel.tensors import Arrays

__all__ = ["FEATURES", "NUMBERS", "compare", "distance", "encode", "tokens"]

Floats = npt.NDArray[np.float32]

TEXTS: dict[str, str] = {
    "code_found": "letters of the requirement's longest code that stands in the availability",
    "code_finds": "letters of the availability's longest code that stands in the requirement",
    "code_prefix": "share of the longer code that both begin with, best pair of codes",
    "numbers_shared": "share of the words with digits, of both names, that both have",
    "first_word": "1 where both names begin with the same word",
    "length": "log ratio of the names' lengths",
}
NUMBERS: dict[str, str] = {
    "price": "log of availability over requirement",
    "price_gap": "log ratio without its sign",
    "quantity": "log of availability over requirement",
    "quality": "availability less requirement",
    "distance": "log(1 + km)",
}
"""Comparisons of the numbers; NaN if a side does not state one."""
FEATURES: tuple[str, ...] = (*TEXTS, *NUMBERS)
"""Columns of the `pairs` tensor."""

EARTH_KM = 6371.0
_NAN = float("nan")


def encode(questions: Sequence[MatchQuestion], context: MatchContext) -> Arrays:
    """Return one row per question; the second axis has the length of the longest list of availabilities.

    `pairs` FP32 [n, k, 11], `requirement` INT32 [n, 256], `availability` INT32 [n, k, 256] and `shared` UINT8 [n,
    k, 256]. Padding after a question's own list is 0, and k is at least 1. Raises `Invalid` for a repeated id and
    for a question without a list.
    """
    lists = [_listed(question, row) for row, question in enumerate(questions)]
    counts = np.array([len(listed) for listed in lists])
    size = (len(questions), max(1, int(counts.max())))
    arrays: Arrays = {
        "pairs": np.zeros((*size, len(FEATURES)), np.float32),
        "requirement": tokens([question.requirement for question in questions]),
        "availability": np.zeros((*size, SLOTS), np.int32),
        "shared": np.zeros((*size, SLOTS), np.uint8),
    }
    if counts.any():
        left = [question.requirement for question, listed in zip(questions, lists, strict=True) for _ in listed]
        flat = compare(left, [availability for listed in lists for availability in listed])
        rows = np.repeat(np.arange(len(questions)), counts)
        columns = np.concatenate([np.arange(count) for count in counts])
        for name in ("pairs", "availability", "shared"):
            arrays[name][rows, columns] = flat[name]
    return arrays


def tokens(sides: Sequence[Requirement | Availability]) -> npt.NDArray[np.int32]:
    """Return the tokens of texts, [n, 256]: the encoder's input for either side."""
    return np.stack([_record(side).ids for side in sides])


def compare(left: Sequence[Requirement], right: Sequence[Availability]) -> Arrays:
    """Compare pair by pair: `pairs` [m, 11], `requirement` and `availability` [m, 256], `shared` [m, 256].

    `shared` locates each token of the availability in the requirement: 0 absent, 1 present, 2 in the names of
    both.
    """
    sides = [(_record(one), _record(other)) for one, other in zip(left, right, strict=True)]
    wanted = np.stack([one.ids for one, _ in sides])
    offered = np.stack([other.ids for _, other in sides])
    pairs = np.array(
        [
            (*_texts(*records), *_numbers(one, other))
            for records, one, other in zip(sides, left, right, strict=True)
        ],
        dtype=np.float32,
    )
    return {"pairs": pairs, "requirement": wanted, "availability": offered, "shared": _shared(sides)}


def distance(one: Place, other: Place) -> float:
    """Return the great-circle distance in km."""
    north, south = math.radians(one.latitude), math.radians(other.latitude)
    east = math.radians(other.longitude - one.longitude)
    half = math.sin((south - north) / 2) ** 2 + math.cos(north) * math.cos(south) * math.sin(east / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def _listed(question: MatchQuestion, row: int) -> Sequence[Availability]:
    if question.availabilities is None:
        raise Invalid(
            f"[{row}].availabilities",
            f"is missing; give 1 to {MOST} of them, or let the server search its collection "
            "(SLIPWAY_COLLECTIONS_URL)",
        )
    seen: dict[str, int] = {}
    for index, availability in enumerate(question.availabilities):
        first = seen.setdefault(availability.id, index)
        if first != index:
            raise Invalid(
                f"[{row}].availabilities[{index}].id",
                f"{availability.id!r} is also the id of availabilities[{first}]; give each id once",
            )
    return question.availabilities


def _record(side: Requirement | Availability) -> Record:
    return record(side.name, f"{side.maker} {side.description}")


def _shared(sides: Sequence[tuple[Record, Record]]) -> npt.NDArray[np.uint8]:
    """Mark shared tokens pair by pair, with a table over the vocabulary that holds one requirement at a time."""
    shared = np.empty((len(sides), SLOTS), np.uint8)
    table = np.zeros(VOCABULARY, np.uint8)
    held = None
    for row, (one, other) in enumerate(sides):
        if one is not held:
            if held is not None:
                table[held.ids] = 0
            table[one.ids] = 1
            for slots in (NAME_GRAMS, NAME_WORDS):
                table[one.ids[slots]] = 2
            table[0] = 0
            held = one
        shared[row] = table[other.ids]
    for slots in (OTHER_GRAMS, OTHER_WORDS):
        np.minimum(shared[:, slots], 1, out=shared[:, slots])
    return shared


def _texts(one: Record, other: Record) -> tuple[float, ...]:
    both = one.numbers | other.numbers
    return (
        _found(one.codes, other.compact),
        _found(other.codes, one.compact),
        _prefix(one.codes, other.all_codes),
        len(one.numbers & other.numbers) / len(both) if both else _NAN,
        float(one.first == other.first),
        math.log((1 + other.length) / (1 + one.length)),
    )


def _found(codes: tuple[str, ...], compact: str) -> float:
    return float(max((len(code) if code in compact else 0) for code in codes)) if codes else _NAN


def _prefix(codes: tuple[str, ...], others: tuple[str, ...]) -> float:
    if not codes or not others:
        return _NAN
    return max(len(commonprefix((code, other))) / max(len(code), len(other)) for code in codes for other in others)


def _numbers(one: Requirement, other: Availability) -> tuple[float, ...]:
    price = _ratio(one.price, other.price)
    quality = _NAN if one.quality is None or other.quality is None else other.quality - one.quality
    apart = math.log1p(distance(one.place, other.place)) if one.place and other.place else _NAN
    return price, abs(price), _ratio(one.quantity, other.quantity), quality, apart


def _ratio(one: float | None, other: float | None) -> float:
    return _NAN if one is None or other is None else math.log(other / one)
