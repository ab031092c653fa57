"""Check the types in a PromQL expression, as Prometheus does before it loads a rule.

What this reader does not know, such as a modifier of a later release, is never reported.
"""

from __future__ import annotations

from control.lint.manifests.schemas.promql import Token, tokens
from control.lint.manifests.schemas.promql_functions import AGGREGATIONS, FUNCTIONS, NAMES
from control.lint.manifests.schemas.promql_words import matchers_problem, word_problem

__all__ = ["type_problem"]

_LEVELS = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", ">=", "<", ">"),
    ("+", "-"),
    ("*", "/", "%", "atan2"),
    ("^",),
)
"""Binary operators, those that bind least first."""
_SETS, _COMPARISONS = ("and", "or", "unless"), _LEVELS[2]
_GROUPS = ("group_left", "group_right")
_MODIFIERS = ("on", "ignoring", *_GROUPS)
_END: Token = ("end", "")


class _Refused(Exception):
    """Prometheus refuses the expression."""


class _Unread(Exception):
    """The expression has something that this reader does not know."""


def type_problem(text: str) -> str:
    """Return why Prometheus refuses the types of a rule's expression, or an empty text."""
    found, problem = tokens(text)
    if problem:
        return ""
    for token in found:
        if word_problem(token):
            return word_problem(token)
    reader = _Reader(found)
    try:
        kind = reader.operators(0)
        reader.expect(*_END)
    except _Refused as refused:
        return str(refused)
    except (_Unread, RecursionError):
        return ""
    return f"invalid expression type {NAMES[kind]!r} for a rule" if kind in ("m", "t") else ""


class _Reader:
    """Read tokens one after the other; each method returns the letter of a type, or `?` for an unknown one."""

    def __init__(self, found: list[Token]) -> None:
        self.found = found
        self.at = 0

    def operators(self, level: int) -> str:
        """Read operators of a level, and those that bind more."""
        if level == len(_LEVELS):
            return self._unary()
        left = self.operators(level + 1)
        while self._word() in _LEVELS[level]:
            operator = self._take()
            boolean = self._word() == "bool" and bool(self._take())
            self._matching(operator.lower())
            # Only powers bind to the right.
            right = self.operators(level if operator == "^" else level + 1)
            left = _combined(operator, boolean, left, right)
        return left

    def _matching(self, operator: str) -> None:
        """Read how the two sides are matched: `on (a) group_left (b)`."""
        matched = False
        while self._word() in _MODIFIERS:
            word = self._take().lower()
            if word in _GROUPS and not matched:
                raise _Refused(f"unexpected {word!r}: it needs on (...) or ignoring (...) before it")
            if word in _GROUPS and operator in _SETS:
                raise _Refused(f"no grouping allowed for {operator!r} operation")
            matched = True
            if self._is("("):
                self._skip("(", ")")

    def expect(self, kind: str, word: str) -> None:
        """Read a token that must be there."""
        if self._next() != (kind, word):
            raise _Unread
        self.at += 1

    def _unary(self) -> str:
        if self._is("-") or self._is("+"):
            self._take()
            kind = self._unary()
            if kind in ("m", "t"):
                raise _Refused(
                    "unary expression only allowed on expressions of type scalar or instant vector, "
                    f"got {NAMES[kind]!r}"
                )
            return kind
        selector, kind = self._primary()
        while self._is("[") or self._is("@") or self._word() == "offset":
            if self._is("["):
                kind, selector = self._range(kind, selector), False
            else:
                self._moved()
        return kind

    def _primary(self) -> tuple[bool, str]:
        """Return whether a metric is selected, and the type."""
        kind, word = self._next()
        if kind in ("number", "string"):
            self._take()
            return False, "s" if kind == "number" else "t"
        if (kind, word) == ("mark", "("):
            self._take()
            inner = self.operators(0)
            self.expect("mark", ")")
            return False, inner
        if (kind, word) == ("mark", "{"):
            self._matchers(named=False)
            return True, "v"
        if kind != "word":
            raise _Unread
        return self._named(self._take())

    def _named(self, word: str) -> tuple[bool, str]:
        following = self._word()
        if word.lower() in AGGREGATIONS and (self._is("(") or following in ("by", "without")):
            return False, self._aggregation(word.lower())
        if self._is("("):
            return False, self._call(word)
        if word.lower() in ("inf", "nan"):
            return False, "s"
        if self._is("{"):
            self._matchers(named=True)
        return True, "v"

    def _matchers(self, named: bool) -> None:
        start = self.at + 1
        self._skip("{", "}")
        problem = matchers_problem(self.found[start : self.at - 1], named)
        if problem:
            raise _Refused(problem)

    def _aggregation(self, name: str) -> str:
        grouped = self._grouping()
        given = self._arguments()
        if not grouped:
            self._grouping()
        wanted = AGGREGATIONS[name]
        if len(given) != len(wanted):
            message = "wrong number of arguments for aggregate expression provided"
            raise _Refused(f"{message}, expected {len(wanted)}, got {len(given)}")
        for kind, letter in zip(given, wanted, strict=True):
            if kind not in (letter, "?"):
                raise _Refused(f"expected type {NAMES[letter]} in aggregation expression, got {NAMES[kind]}")
        return "v"

    def _grouping(self) -> bool:
        if self._word() not in ("by", "without"):
            return False
        self._take()
        self._skip("(", ")")
        return True

    def _call(self, name: str) -> str:
        given = self._arguments()
        if name not in FUNCTIONS:
            return "?"
        wanted, result = FUNCTIONS[name]
        letters = wanted.rstrip("?*")
        least = len(letters) - (letters != wanted)
        if len(given) < least or (len(given) > len(letters) and "*" not in wanted):
            amount = f"at least {least}" if letters != wanted else f"{least}"
            amount = f"at most {len(letters)}" if len(given) > len(letters) > least else amount
            raise _Refused(f"expected {amount} argument(s) in call to {name!r}, got {len(given)}")
        for i, kind in enumerate(given):
            letter = letters[min(i, len(letters) - 1)]
            if kind not in (letter, "?"):
                raise _Refused(f"expected type {NAMES[letter]} in call to function {name!r}, got {NAMES[kind]}")
        return result

    def _arguments(self) -> list[str]:
        self.expect("mark", "(")
        given: list[str] = []
        while not self._is(")"):
            given.append(self.operators(0))
            if not self._is(","):
                break
            self._take()
        self.expect("mark", ")")
        return given

    def _range(self, kind: str, selector: bool) -> str:
        start = self.at
        self._skip("[", "]")
        subquery = any(word.startswith(":") for _, word in self.found[start : self.at])
        if subquery and kind in ("m", "s", "t"):
            raise _Refused(f"subquery is only allowed on instant vector, got {NAMES[kind]} instead")
        if not subquery and not selector:
            raise _Refused("ranges only allowed for vector selectors")
        return "m"

    def _moved(self) -> None:
        """Read `offset 5m`, `offset -5m`, `@ 12` or `@ end()`."""
        self._take()
        while self._is("-") or self._is("+"):
            self._take()
        kind, word = self._next()
        if kind not in ("number", "word"):
            raise _Unread
        self._take()
        if self._is("("):
            self._skip("(", ")")
        elif kind == "word" and word.lower() not in ("inf", "nan"):
            raise _Refused(f"unexpected identifier {word!r}, expected a duration or a time")

    def _skip(self, opening: str, closing: str) -> None:
        """Read a pair of brackets and all between them, in which there are no others of that form."""
        self.expect("mark", opening)
        while not self._is(closing):
            if self._next() == _END:
                raise _Unread
            self.at += 1
        self.at += 1

    def _next(self) -> Token:
        return self.found[self.at] if self.at < len(self.found) else _END

    def _word(self) -> str:
        """Return the next word or mark in lower case, as keywords are."""
        kind, word = self._next()
        return word.lower() if kind in ("word", "mark") else ""

    def _is(self, mark: str) -> bool:
        return self._next() == ("mark", mark)

    def _take(self) -> str:
        word = self._next()[1]
        self.at += 1
        return word


def _combined(operator: str, boolean: bool, left: str, right: str) -> str:
    """Return the type of a binary expression."""
    name = operator.lower()
    if {left, right} & {"m", "t"}:
        raise _Refused("binary expression must contain only scalar and instant vector types")
    if name in _SETS and "s" in (left, right):
        raise _Refused(f"set operator {name!r} not allowed in binary scalar expression")
    if (left, right) == ("s", "s") and name in _COMPARISONS and not boolean:
        raise _Refused("comparisons between scalars must use BOOL modifier")
    if boolean and name not in _COMPARISONS:
        raise _Refused("bool modifier can only be used on comparison operators")
    if "v" in (left, right):
        return "v"
    return "s" if (left, right) == ("s", "s") else "?"
