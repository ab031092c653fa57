from __future__ import annotations

import numpy as np

from apps.matching.serve.features import compare
from apps.matching.serve.overlap import NAMES, SCOPES, overlaps
from apps.matching.serve.tokens import NAME_WORDS, VOCABULARY
from tests.apps.matching.pairs import offered, wanted

SQUARES = np.square(np.linspace(1, 3, VOCABULARY, dtype=np.float32))
SQUARES[0] = 0


def of(one: str, other: str) -> dict[str, float]:
    row = overlaps(compare([wanted(one)], [offered(other)]), SQUARES)[0]
    return dict(zip(NAMES, row.tolist(), strict=True))


def test_equal_texts_overlap_wholly_and_strange_ones_not_at_all() -> None:
    same, other = of("red pump x100", "red pump x100"), of("red pump x100", "blue tiles")
    for scope in SCOPES:
        assert abs(same[f"{scope}_cosine"] - 1) < 1e-4
        assert other[f"{scope}_cosine"] == 0


def test_the_cosine_is_that_of_the_weighted_sets() -> None:
    flat = compare([wanted("red pump")], [offered("red solar")])
    one, other = (flat[side][0, NAME_WORDS] for side in ("requirement", "availability"))
    common = SQUARES[np.intersect1d(one, other)]
    expected = common.sum() / np.sqrt(SQUARES[one].sum() * SQUARES[other].sum())
    assert abs(of("red pump", "red solar")["name_words_cosine"] - expected) < 1e-5


def test_shares_tell_which_side_has_more() -> None:
    part = of("red pump", "red pump with hose and valve")
    assert part["name_words_of_requirement"] > 0.999
    assert part["name_words_of_availability"] < 0.6
    assert part["name_words_availability"] > part["name_words_requirement"]


def test_texts_without_tokens_do_not_divide_by_zero() -> None:
    assert all(np.isfinite(value) for value in of("?", "!").values())
