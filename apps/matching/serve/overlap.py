"""Overlap of two texts, with each token weighted by its rarity: the NumPy version of the graph's first part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from apps.matching.serve.tokens import FIRST_CODE, NAME_GRAMS, NAME_WORDS, OTHER_WORDS, SLOTS
from serving.kernel.tensors import Arrays

__all__ = ["EPSILON", "NAMES", "PLACES", "SCOPES", "overlaps"]

Floats = npt.NDArray[np.float32]

EPSILON = np.float32(1e-6)
"""Prevents division by zero for empty texts."""
SCOPES = ("name_grams", "all_grams", "name_words", "all_words", "name_codes", "all_codes")
NAMES: tuple[str, ...] = tuple(
    f"{scope}_{measure}"
    for measure in ("cosine", "of_requirement", "of_availability", "requirement", "availability")
    for scope in SCOPES
)
"""Columns of `overlaps`."""


def _places() -> Floats:
    """Return [4, 256, 6]: the slots that count in each scope, for four kinds of tokens.

    The kinds are tokens of both names, tokens of any text, codes of both names, and codes of any text.
    """
    places = np.zeros((4, SLOTS, len(SCOPES)), dtype=np.float32)
    places[0, NAME_GRAMS, 0] = 1
    places[1, : NAME_WORDS.start, 1] = 1
    places[0, NAME_WORDS, 2] = 1
    places[1, NAME_WORDS.start : OTHER_WORDS.stop, 3] = 1
    places[2, NAME_WORDS, 4] = 1
    places[3, NAME_WORDS.start : OTHER_WORDS.stop, 5] = 1
    return places


PLACES = _places()


def overlaps(arrays: Arrays, squares: Floats) -> Floats:
    """Return [m, 30] for flat pairs from `features.compare`; `squares` is the squared weight per token."""
    left, right = squares[arrays["requirement"]], squares[arrays["availability"]]
    shared = arrays["shared"]
    lengths = _sums(left, left, arrays["requirement"])
    others = _sums(right, right, arrays["availability"])
    common = _sums(right * (shared == 2), right * (shared >= 1), arrays["availability"])
    cosine = common / np.sqrt(lengths * others + EPSILON)
    shares = common / (lengths + EPSILON), common / (others + EPSILON)
    return np.concatenate([cosine, *shares, np.log(lengths + 1), np.log(others + 1)], axis=1)


def _sums(name: Floats, anywhere: Floats, ids: npt.NDArray[np.int32]) -> Floats:
    """Return [m, 6] sums over the scopes."""
    code = (ids >= FIRST_CODE).astype(np.float32)
    kinds = (name, anywhere, name * code, anywhere * code)
    sums: Floats = sum(kind @ place for kind, place in zip(kinds, PLACES, strict=True))
    return sums
