"""Compare the linter with the recorded verdicts of a real API server on a corpus of manifests.

The corpus is not part of the repository: it lies beside the definitions, in `corpus/builtin`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from control.lint.manifests.docs_page import Agreement
from control.lint.manifests.lint import lint
from control.lint.manifests.options import LintOptions
from control.lint.manifests.targets import of_path

__all__ = ["RECORDED", "compare", "corpus_of", "record", "recorded"]

RECORDED = Path(__file__).parent / "server_agreement.json"
"""What was measured last, which docs/manifests.md shows."""
VALID = ("v", "g")
"""First letters of the names of manifests that are right; the others are broken in some way."""


def corpus_of(schemas: Path) -> Path | None:
    """Return the folder of the corpus beside a folder of definitions, if it is there."""
    folder = schemas.parent / "corpus" / "builtin"
    return folder if (folder / "verdicts.json").is_file() else None


def compare(folder: Path, options: LintOptions) -> tuple[Agreement, list[str]]:
    """Return the numbers, and the manifests on which the linter and the server disagree."""
    verdicts = json.loads((folder / "verdicts.json").read_text())
    counts = dict.fromkeys(("refused", "found", "valid", "alarms", "accepted", "flagged"), 0)
    apart: list[str] = []
    for name, verdict in verdicts.items():
        report = lint(of_path(folder / f"{name}.yaml"), options)
        errors = [finding for finding in report.findings if finding.severity == "error"]
        whole, part = ("refused", "found") if verdict["verdict"] == "reject" else ("accepted", "flagged")
        if name.startswith(VALID):
            whole, part = "valid", "alarms"
        counts[whole] += 1
        counts[part] += bool(errors)
        if whole == "refused" and not errors:
            apart.append(f"{name} is not found: {verdict['message']}")
        elif whole == "valid" and errors:
            apart.append(f"{name} is valid, but: {errors[0].id} {errors[0].field} {errors[0].message}")
    return Agreement(**counts), apart


def recorded() -> Agreement:
    """Return what was measured last."""
    return Agreement(**json.loads(RECORDED.read_text()))


def record(agreement: Agreement) -> None:
    """Keep what was measured."""
    RECORDED.write_text(json.dumps(asdict(agreement), indent=2) + "\n")
