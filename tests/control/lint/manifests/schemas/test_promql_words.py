from __future__ import annotations

import pytest

from control.lint.manifests.schemas.promql import tokens
from control.lint.manifests.schemas.promql_words import matchers_problem, word_problem


@pytest.mark.parametrize(
    "word", ["5m", "1h30m", "1d2h3m4s5ms", "1e5", "0x1f", "300", "'a\\'b'", r'"\\.\n\x41"', r"`\d`"]
)
def test_words_that_prometheus_reads(word: str) -> None:
    assert word_problem(tokens(word)[0][0]) == ""


@pytest.mark.parametrize("word", ["5m1h", "1s1s", r'"\."', r"'\d'", '"a\\\'b"'])
def test_words_that_prometheus_refuses(word: str) -> None:
    assert word_problem(tokens(word)[0][0])


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("a='b'", True),
        ("a=''", False),
        ("a!=''", True),
        ("a!='b'", False),
        ("a=~'.+'", True),
        ("a=~'b|'", False),
        ("a!~'b'", False),
        (r"a=~'\\pL+'", True),
        (r"a=~'\x62'", True),
        ("'a.b'", True),
        ("", False),
    ],
)
def test_a_selector_without_a_name_needs_a_label(text: str, good: bool) -> None:
    assert (matchers_problem(tokens(f"{{{text}}}")[0][1:-1], named=False) == "") is good
