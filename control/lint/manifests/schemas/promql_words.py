"""Texts, durations and label matchers in PromQL: what Prometheus refuses when it reads them."""

from __future__ import annotations

import re

from control.lint.manifests.schemas.promql import Token

__all__ = ["matchers_problem", "word_problem"]

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[abfnrtv\\]|.|$)", re.DOTALL)
_SINGLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_DURATION = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
_UNITS = re.compile(r"(\d+(ms|[ywdhms]))+")
_OPERATORS = ("=", "!=", "=~", "!~")
_UNBALANCED = (
    "unterminated subpattern",
    "unbalanced parenthesis",
    "nothing to repeat",
    "unterminated character set",
)
"""What Python says of a pattern that is none in Go either; the two differ in much else."""


def word_problem(token: Token) -> str:
    """Return why Prometheus cannot read a text or a duration, or an empty text."""
    kind, word = token
    if kind == "number" and _UNITS.fullmatch(word) and not _DURATION.fullmatch(word):
        return f"not a valid duration string: {word!r}"
    if kind == "string" and word[0] != "`":
        for match in _ESCAPE.finditer(word[1:-1]):
            name = match[1]
            if len(name) == 1 and name not in _SINGLE and name != word[0]:
                return f"unknown escape sequence {match[0]!r} in {word}"
    return ""


def matchers_problem(found: list[Token], named: bool) -> str:
    """Return why Prometheus refuses what is between `{` and `}`, or an empty text.

    `named`: the name of the metric stands before the bracket.
    """
    some = named
    at = 0
    while at < len(found):
        kind, word = found[at]
        operator = found[at + 1][1] if at + 1 < len(found) else ""
        if kind == "string" and operator not in _OPERATORS:  # the name of a metric, in quotes
            some, at = True, at + 1
        elif kind in ("word", "string") and operator in _OPERATORS:
            value = found[at + 2] if at + 2 < len(found) else ("end", "")
            if value[0] != "string":
                return f"unexpected {value[1] or 'end'!r} in label matching, expected string"
            problem, empty = _matcher(operator, _text(value[1]))
            if problem:
                return problem
            some, at = some or not empty, at + 3
        else:
            return f"unexpected {word!r} in label matching"
        if at < len(found):
            if found[at] not in (("mark", ","), ("word", "or")):
                return f"unexpected {found[at][1]!r} in label matching, expected ',' or '}}'"
            at += 1
    return "" if some else "vector selector must contain at least one non-empty matcher"


def _matcher(operator: str, text: str) -> tuple[str, bool]:
    """Return why the pattern is none, and whether the matcher matches a label that is absent."""
    if operator in ("=", "!="):
        return "", (text == "") == (operator == "=")
    try:
        empty = re.compile(text).fullmatch("") is not None
    except re.error as error:
        if any(words in error.msg for words in _UNBALANCED):
            return f"error parsing regexp {text!r}: {error.msg}", False
        return "", False
    return "", empty == (operator == "=~")


def _text(word: str) -> str:
    if word[0] == "`":
        return word[1:-1]
    return _ESCAPE.sub(_character, word[1:-1])


def _character(match: re.Match[str]) -> str:
    name = match[1]
    if len(name) == 1:
        return _SINGLE.get(name, name)
    return chr(int(name.lstrip("xuU"), 8 if name.isdecimal() else 16))
