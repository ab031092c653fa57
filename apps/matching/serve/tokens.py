"""Convert text to tokens: letter trigrams, words and codes, hashed into one vocabulary.

Nothing here is fitted. The graph holds the weights of the tokens.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = [
    "FIRST_CODE",
    "FIRST_WORD",
    "NAME_GRAMS",
    "NAME_WORDS",
    "OTHER_GRAMS",
    "OTHER_WORDS",
    "SLOTS",
    "VOCABULARY",
    "Record",
    "clean",
    "record",
]

Ids = npt.NDArray[np.int32]

GRAMS = 16384
WORDS = 16384
CODES = 8192
FIRST_WORD = 1 + GRAMS
"""First number of a word. Trigrams are numbered from 1 up to it; 0 is an empty slot."""
FIRST_CODE = FIRST_WORD + WORDS
"""First number of a code: a word with a digit, such as a model number."""
VOCABULARY = FIRST_CODE + CODES

NAME_GRAMS = slice(0, 80)
OTHER_GRAMS = slice(80, 192)
NAME_WORDS = slice(192, 216)
OTHER_WORDS = slice(216, 256)
"""Slots of a record: tokens of the name, then tokens that occur only in the other text."""
SLOTS = 256

LETTERS = 2000
"""Maximum number of letters read from the other text."""
SHORTEST_CODE = 4
CACHED_LETTERS, CACHED_WORD = 1024, 32
"""Longest text and longest word whose tokens are remembered."""

_JOINED = re.compile(r"(?<=\w)[-/](?=\w)")
_OTHER = re.compile(r"[^\w. ]+|_")
_DOT = re.compile(r"\.(?!\d)")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, eq=False)
class Record:
    """One tokenized text."""

    ids: Ids
    """[256] token per slot, 0 for an empty slot."""
    first: str
    """First word of the name."""
    length: int
    """Number of letters in the name."""
    codes: tuple[str, ...]
    """Codes of the name with at least `SHORTEST_CODE` letters, without dots."""
    all_codes: tuple[str, ...]
    """The same for the whole text."""
    numbers: frozenset[str]
    """Words of the name that contain a digit."""
    compact: str
    """The whole text without spaces and dots."""


def clean(text: str) -> str:
    """Normalize to lower case and single spaces; `KX-TG9342/T` becomes `kxtg9342t`, and 7.2 keeps its dot."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = _OTHER.sub(" ", _JOINED.sub("", text))
    return " ".join(_DOT.sub(" ", text).split())


def record(name: str, other: str) -> Record:
    """Return the record of a name and its other text."""
    return _cached(name, other) if len(name) + len(other) <= CACHED_LETTERS else _record(name, other)


def _record(name: str, other: str) -> Record:
    title, rest = clean(name), clean(other[:LETTERS])
    words, more = title.split(), rest.split()
    ids = np.zeros(SLOTS, dtype=np.int32)
    _place(ids, NAME_GRAMS, OTHER_GRAMS, _grams(title), _grams(rest))
    _place(ids, NAME_WORDS, OTHER_WORDS, _words(words), _words(more))
    codes = _codes(words)
    return Record(
        ids=ids,
        first=words[0] if words else "",
        length=len(title),
        codes=codes,
        all_codes=codes + _codes(more),
        numbers=frozenset(word for word in words if _DIGIT.search(word)),
        compact=(title + rest).replace(" ", "").replace(".", ""),
    )


_cached = lru_cache(maxsize=8192)(_record)
"""The same texts recur. Callers choose them, so both their number and their length are limited."""


def _place(ids: Ids, near: slice, far: slice, name: Ids, other: Ids) -> None:
    """Place each token once, in the order of the text, at most one per slot."""
    name = _once(name)
    other = _once(other)
    other = other[~np.isin(other, name)]
    for slots, tokens in ((near, name), (far, other)):
        kept = tokens[: slots.stop - slots.start]
        ids[slots.start : slots.start + len(kept)] = kept


def _once(tokens: Ids) -> Ids:
    _, first = np.unique(tokens, return_index=True)
    return tokens[np.sort(first)]


def _grams(text: str) -> Ids:
    """Return the numbers of the trigrams of " text ", except trigrams that span two words."""
    letters = np.frombuffer(f" {text} ".encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    left, middle, right = letters[:-2], letters[1:-1], letters[2:]
    inside = middle != ord(" ")
    mixed = (
        left * np.uint64(0x1F1F1F1F) + middle * np.uint64(0x9E3779B1) + right * np.uint64(0x85EBCA6B)
    ) >> np.uint64(7)
    numbers: Ids = (1 + mixed[inside] % np.uint64(GRAMS)).astype(np.int32)
    return numbers


def _words(words: list[str]) -> Ids:
    return np.array([_number(word) for word in words], dtype=np.int32)


def _number(word: str) -> int:
    return _cached_number(word) if len(word) <= CACHED_WORD else _token(word)


def _token(word: str) -> int:
    digest = zlib.crc32(word.encode())
    return FIRST_CODE + digest % CODES if _DIGIT.search(word) else FIRST_WORD + digest % WORDS


_cached_number = lru_cache(maxsize=65536)(_token)


def _codes(words: list[str]) -> tuple[str, ...]:
    found = (word.replace(".", "") for word in words if _DIGIT.search(word))
    return tuple(code for code in found if len(code) >= SHORTEST_CODE)
