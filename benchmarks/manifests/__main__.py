"""`python -m benchmarks.manifests`: break manifests, print what is caught, and write docs/manifests.md."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.manifests.measure import families, measure
from control.console import fail, note, print_table
from control.lint.manifests.docs_page import Rate, page
from control.lint.manifests.options import LintOptions

__all__ = ["main", "rates"]

DOCS = Path(__file__).resolve().parents[2] / "docs" / "manifests.md"


def rates(options: LintOptions) -> tuple[list[Rate], list[str]]:
    """Catch rate by family, and what is known to pass."""
    outcomes = measure(options)
    missed = [item for item in outcomes if item.mutation.rule and not item.caught]
    for item in missed:
        found = ", ".join(item.rules) or "nothing"
        fail(f"{item.mutation.family}: {item.mutation.breaks}: expected {item.mutation.rule}, found {found}")
    return [Rate(*row) for row in families(outcomes)], [i.mutation.breaks for i in outcomes if not i.mutation.rule]


def main() -> int:
    """Measure and write. The definitions (CRDs) must be there: without them a family cannot be measured."""
    folder = os.environ.get("SLIPWAY_SCHEMAS", "")
    if not folder:
        fail("SLIPWAY_SCHEMAS is not set; set it to a folder that holds CRDs as JSON")
        return 2
    found, passed = rates(LintOptions(schemas=Path(folder)))
    print_table(("family", "broken", "caught"), [(r.family, str(r.broken), str(r.caught)) for r in found])
    DOCS.write_text(page(found, passed))
    note(f"{DOCS} is written")
    return 0 if all(rate.caught == rate.broken for rate in found) else 1


if __name__ == "__main__":
    sys.exit(main())
