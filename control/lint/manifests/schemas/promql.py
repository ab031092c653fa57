"""Read the names and labels in a PromQL expression, as far as that is possible without Prometheus."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Token", "Use", "read", "tokens"]

_TOKEN = re.compile(
    r"(?P<string>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`)"
    r"|(?P<number>0x[0-9a-fA-F]+|\d[\w.]*(?:[eE][+-]?\d+)?|\.\d+)"
    r"|(?P<word>[A-Za-z_:][\w:.]*)"
    r"|(?P<mark>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],@:])"
    r"|(?P<space>\s+|#[^\n]*)"
)
Token = tuple[str, str]
"""The kind of a token (string, number, word or mark) and its text."""
_PAIRS = {")": "(", "}": "{", "]": "["}
_WORDS = frozenset(
    "and or unless by without on ignoring group_left group_right bool offset inf nan atan2 start end".split()
)
_GROUPING = frozenset("by without on ignoring group_left group_right".split())


@dataclass(frozen=True)
class Use:
    """The metrics and labels in an expression."""

    metrics: dict[str, frozenset[str]]
    """Metric -> labels in its matchers."""
    grouped: frozenset[str]
    """Labels in `by (...)`."""
    problem: str = ""
    """The reason why the expression cannot be read, or an empty text."""


def read(text: str) -> Use:
    """Return the metrics of an expression with the labels in their matchers."""
    found, problem = tokens(text)
    if problem:
        return Use({}, frozenset(), problem)
    metrics: dict[str, set[str]] = {}
    grouped: set[str] = set()
    i = 0
    while i < len(found):
        kind, word = found[i]
        following = found[i + 1][1] if i + 1 < len(found) else ""
        if kind == "word" and word in _GROUPING and following == "(":
            labels, i = _until(found, i + 2, ")")
            grouped |= labels if word == "by" else set()
        elif kind == "mark" and word == "[":
            _, i = _until(found, i + 1, "]")
        elif kind == "mark" and word == "{":
            labels, i = _matchers(found, i + 1)
        elif kind == "word" and word.lower() not in _WORDS and following not in ("(", "by", "without"):
            labels = set()
            if following == "{":
                labels, i = _matchers(found, i + 2)
            metrics.setdefault(word, set()).update(labels)
        i += 1
    return Use({name: frozenset(labels) for name, labels in metrics.items()}, frozenset(grouped))


def tokens(text: str) -> tuple[list[Token], str]:
    """Return (kind, text) of each token, or the reason why there are none."""
    found: list[Token] = []
    opened: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return [], f"at character {at + 1}: {text[at : at + 12]!r}"
        kind, word = str(match.lastgroup), match.group()
        at = match.end()
        if kind == "space":
            continue
        found.append((kind, word))
        if kind == "mark" and word in _PAIRS.values():
            opened.append(word)
        elif kind == "mark" and word in _PAIRS and (not opened or opened.pop() != _PAIRS[word]):
            return [], f"{word} at character {at} has no opening bracket"
    if opened:
        return [], f"{opened[-1]} is not closed"
    return found, "" if found else "the expression is empty"


def _until(found: list[Token], i: int, mark: str) -> tuple[set[str], int]:
    words = set()
    while found[i] != ("mark", mark):
        words |= {found[i][1]} if found[i][0] == "word" else set()
        i += 1
    return words, i


def _matchers(found: list[Token], i: int) -> tuple[set[str], int]:
    labels = set()
    while found[i] != ("mark", "}"):
        if found[i][0] == "word" and found[i + 1][1] in ("=", "!=", "=~", "!~"):
            labels.add(found[i][1])
        i += 1
    return labels, i
