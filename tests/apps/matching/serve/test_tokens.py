from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.matching.serve import tokens
from apps.matching.serve.tokens import (
    FIRST_CODE,
    FIRST_WORD,
    NAME_GRAMS,
    NAME_WORDS,
    OTHER_GRAMS,
    OTHER_WORDS,
    SLOTS,
    VOCABULARY,
    clean,
    record,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("KX-TG9342/T Phone", "kxtg9342t phone"),
        ("7.2 MP, f. 2 (new)", "7.2 mp f 2 new"),
        ("  a_b\tc\n", "a b c"),
        ("CAFÉ 25kg", "café 25kg"),
        ("", ""),
    ],
)
def test_clean(text: str, wanted: str) -> None:
    assert clean(text) == wanted


def test_slots_hold_tokens_of_their_kind() -> None:
    made = record("canon e16 toner", "black 2000 pages canon")
    grams = np.r_[made.ids[NAME_GRAMS], made.ids[OTHER_GRAMS]]
    words = np.r_[made.ids[NAME_WORDS], made.ids[OTHER_WORDS]]
    assert ((grams == 0) | (grams < FIRST_WORD)).all()
    assert ((words == 0) | (words >= FIRST_WORD)).all()
    assert np.count_nonzero(made.ids[NAME_WORDS]) == 3
    # `canon` is in the name: it is not counted again.
    assert np.count_nonzero(made.ids[OTHER_WORDS]) == 3
    assert np.count_nonzero(words >= FIRST_CODE) == 2


def test_codes_are_read_without_dots_and_only_when_long_enough() -> None:
    made = record("saw 1.5.2.0 x1 mm", "type dw-713k")
    assert made.codes == ("1520",)
    assert made.all_codes == ("1520", "dw713k")
    assert made.numbers == {"1.5.2.0", "x1"}
    assert "dw713k" in made.compact


def test_trigrams_do_not_lie_across_words() -> None:
    apart, together = record("ab cd", ""), record("abcd", "")
    assert np.count_nonzero(apart.ids[NAME_GRAMS]) == 4
    assert np.count_nonzero(together.ids[NAME_GRAMS]) == 4
    assert len(set(apart.ids[NAME_GRAMS].tolist()) & set(together.ids[NAME_GRAMS].tolist())) == 3


@given(st.text(max_size=300), st.text(max_size=600))
def test_any_text_has_tokens_within_the_vocabulary_each_once(name: str, other: str) -> None:
    ids = record(name, other).ids
    assert ids.shape == (SLOTS,)
    assert ids.dtype == np.int32
    assert ((ids >= 0) & (ids < VOCABULARY)).all()
    for slots in (NAME_GRAMS, NAME_WORDS):
        found = ids[slots][ids[slots] > 0]
        assert len(set(found.tolist())) == len(found)


def test_tokens_are_numbered_alike_in_every_process() -> None:
    """Python's own hash of text differs from process to process; a published graph needs numbers that stay."""
    code = "from apps.matching.serve.tokens import record; print(record('onion 42ab', 'red').ids.sum())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == record("onion 42ab", "red").ids.sum()


def test_callers_cannot_make_it_remember_long_texts() -> None:
    before = tokens._cached.cache_info().currsize, tokens._cached_number.cache_info().currsize
    long, word = "word " * tokens.CACHED_LETTERS, "x" * 10_000
    for number in range(3):
        one = tokens.record(f"a name {number}", long)
        np.testing.assert_array_equal(one.ids, tokens._record(f"a name {number}", long).ids)
        tokens.record(f"{number}{word}", "")
    assert tokens._cached.cache_info().currsize == before[0]
    assert tokens._cached_number.cache_info().currsize <= before[1] + 10, "the short words of the names"
    limit = tokens._cached.cache_info().maxsize or 0
    assert limit * (tokens.CACHED_LETTERS * 4 + 4 * tokens.SLOTS) < 64 * 2**20
