"""Collects the findings of one model. Each has file, line, key, value, what was expected, and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from control.lint.finding import Finding
from control.lint.rules import triton_rules
from control.lint.triton.source import Source

__all__ = ["ModelFindings", "nearest"]


class ModelFindings:
    """The findings of one model."""

    def __init__(self, model: str, path: str, source: Source) -> None:
        self.model = model
        self.path = path
        self.found: list[Finding] = []
        self._source = source

    def add(
        self, rule: str, key: str, value: object, expected: str, fix: str = "", line: int | None = None
    ) -> None:
        """Add a finding. Without `line`, the line of the key is looked up."""
        self.found.append(
            Finding(
                file=self.path,
                line=self._source.line(key) if line is None else line,
                subject=self.model,
                field=key,
                rule=triton_rules()[rule],
                problem=str(value),
                expected=expected,
                own_fix=fix,
            )
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `Did you mean 'X'?` if a known name is similar, else an empty text."""
    names = list(known)
    folded = {one.casefold(): one for one in names}
    found = difflib.get_close_matches(name.casefold(), list(folded), 1, 0.6)
    return f"Did you mean {folded[found[0]]!r}?" if found else ""
