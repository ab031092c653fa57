"""The report of a linter: as a table, as a sentence and as JSON. `control.lint.sarif` renders it as SARIF."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from control.lint.finding import Finding
from control.lint.rules import Rule

__all__ = ["Linter", "Report"]

Checked = TypeVar("Checked")
"""What a linter has checked: files, objects, models."""


class Linter(ABC, Generic[Checked]):
    """What is particular to one linter: its rules, and the words of its output."""

    name: ClassVar[str]
    """The command, which is the tool's name in SARIF."""
    columns: ClassVar[tuple[str, ...]]
    """Heads of the table."""
    families: ClassVar[Mapping[str, str]]
    """Family of rules -> its heading, which is the tag in SARIF."""

    @abstractmethod
    def rules(self) -> Mapping[str, Rule]:
        """Id -> rule."""

    @abstractmethod
    def cells(self, finding: Finding) -> tuple[str, ...]:
        """One row of the table."""

    @abstractmethod
    def entry(self, finding: Finding) -> dict[str, Any]:
        """One finding in JSON."""

    @abstractmethod
    def details(self, report: Report[Checked]) -> dict[str, Any]:
        """What JSON has beside the findings."""

    @abstractmethod
    def summary(self, report: Report[Checked]) -> str:
        """One sentence about the whole."""


@dataclass
class Report(Generic[Checked]):
    """What a linter checked and what it found."""

    linter: Linter[Checked]
    checked: Checked
    findings: list[Finding] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What was not checked, and why."""

    @property
    def errors(self) -> int:
        """Number of findings that are errors."""
        return sum(finding.severity == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """Number of findings that are warnings."""
        return len(self.findings) - self.errors

    @property
    def summary(self) -> str:
        """One sentence."""
        return self.linter.summary(self)

    def failed(self, strict: bool) -> bool:
        """Whether the command must exit with 1; `strict` counts warnings too."""
        return bool(self.findings) if strict else self.errors > 0

    def rows(self) -> list[tuple[str, ...]]:
        """The table, in the linter's columns."""
        return [self.linter.cells(finding) for finding in self.findings]

    def as_json(self) -> dict[str, Any]:
        """All that is known."""
        return {"findings": [self.linter.entry(finding) for finding in self.findings], **self.linter.details(self)}
