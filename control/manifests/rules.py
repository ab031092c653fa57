"""The rules: data in `rules.yaml`, so that the documents, the reports and SARIF show the same words."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["FAMILIES", "Rule", "rules"]

FAMILIES = {
    "yaml": "YAML and identity",
    "schema": "Schemas",
    "pod": "Pods and containers",
    "network": "Selectors and network",
    "scaling": "Scaling and disruption",
    "reference": "References",
    "observe": "Metrics and alerts",
    "ray": "Ray",
    "kserve": "KServe",
    "tool": "Helm, kustomize, Skaffold",
}
"""Family -> its heading."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that is checked."""

    id: str
    family: str
    title: str
    why: str
    fix: str
    severity: Literal["error", "warning"] = "error"


@cache
def rules() -> dict[str, Rule]:
    """Id -> rule, in the order of the ids."""
    read = msgspec.yaml.decode((Path(__file__).parent / "rules.yaml").read_bytes(), type=list[Rule])
    return {rule.id: rule for rule in sorted(read, key=lambda rule: rule.id)}
