"""What the linter says: one finding names file, line and key, the value, what was expected, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec

from control.triton.rules import RULES
from control.triton.source import Source

__all__ = ["Finding", "Report", "nearest"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake."""

    rule: str
    severity: str
    model: str
    path: str
    line: int
    """Of the key, or of the nearest key around it that is there; 0 where there is no text."""
    key: str
    value: str
    expected: str
    fix: str = ""

    @property
    def message(self) -> str:
        """Key, value, what was expected and what to do, in one line."""
        what = f"{self.key}: {self.value}" if self.key else self.value
        return f"{what}; expected {self.expected}" + (f". {self.fix}" if self.fix else "")


class Report:
    """Collects the findings of one model."""

    def __init__(self, model: str, path: str, source: Source) -> None:
        self.model = model
        self.path = path
        self.findings: list[Finding] = []
        self._source = source

    def add(
        self, rule: str, key: str, value: object, expected: str, fix: str = "", line: int | None = None
    ) -> None:
        """Note one mistake; `line` is looked up by the key where it is not given."""
        self.findings.append(
            Finding(
                rule=rule,
                severity=RULES[rule].severity,
                model=self.model,
                path=self.path,
                line=self._source.line(key) if line is None else line,
                key=key,
                value=str(value),
                expected=expected,
                fix=fix,
            )
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean X?` for a name that is close to a known one; empty when none is."""
    names = list(known)
    folded = {one.casefold(): one for one in names}
    found = difflib.get_close_matches(name.casefold(), list(folded), 1, 0.6)
    return f"Did you mean {folded[found[0]]!r}?" if found else ""
