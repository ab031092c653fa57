"""`python -m benchmarks.manifests`: measure what the linter finds, and write docs/manifests.md.

It breaks good manifests and compares the linter with the recorded verdicts of an API server.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.manifests.measure import families, measure
from benchmarks.manifests.server_corpus import compare, corpus_of, record, recorded
from control.console import fail, note, print_table
from control.lint.manifests.docs_page import Agreement, Rate, page
from control.lint.manifests.options import LintOptions

__all__ = ["agreement_with_a_server", "main", "rates"]

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
    options = LintOptions(schemas=Path(folder))
    found, passed = rates(options)
    print_table(("family", "broken", "caught"), [(r.family, str(r.broken), str(r.caught)) for r in found])
    agreement, apart = agreement_with_a_server(options)
    DOCS.write_text(page(found, passed, agreement))
    note(f"{DOCS} is written")
    return 0 if all(rate.caught == rate.broken for rate in found) and not apart else 1


def agreement_with_a_server(options: LintOptions) -> tuple[Agreement, list[str]]:
    """Measure and record the agreement on the corpus; without the corpus, take what was measured last."""
    corpus = corpus_of(options.schemas) if options.schemas else None
    if corpus is None:
        note(f"there is no corpus beside {options.schemas}; the document keeps what was measured last")
        return recorded(), []
    agreement, apart = compare(corpus, options)
    for line in apart:
        fail(line)
    rows = [
        ("refused", agreement.refused, agreement.found),
        ("valid", agreement.valid, agreement.alarms),
        ("broken, accepted", agreement.accepted, agreement.flagged),
    ]
    heads = (f"verdict of the server ({corpus})", "manifests", "the linter has an error")
    print_table(heads, [(name, str(whole), str(part)) for name, whole, part in rows])
    record(agreement)
    return agreement, apart


if __name__ == "__main__":
    sys.exit(main())
