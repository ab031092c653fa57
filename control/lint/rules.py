"""The rules of both linters: data in YAML files, so that documents, reports and SARIF show the same words."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["MANIFEST_FAMILIES", "TRITON_FAMILIES", "Rule", "manifest_rules", "triton_rules"]

MANIFEST_FAMILIES = {
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
TRITON_FAMILIES = {
    "model": "Model folder and versions",
    "tensors": "Inputs and outputs",
    "instances": "Instance groups",
    "batching": "Batching and queues",
    "sequences": "Sequences",
    "backend": "Backend options",
    "warmup": "Warm-up and cache",
    "ensemble": "Ensembles",
}
"""Family -> its heading."""


class Rule(msgspec.Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One thing that a linter checks."""

    id: str
    family: str
    title: str
    why: str
    fix: str = ""
    """The same for every finding of the rule; empty where each finding has its own."""
    severity: Literal["error", "warning"] = "error"


@cache
def manifest_rules() -> dict[str, Rule]:
    """Id -> rule of `slipway manifests lint`, in the order of the ids."""
    return _read("manifest_rules.yaml")


@cache
def triton_rules() -> dict[str, Rule]:
    """Id -> rule of `slipway triton lint`, in the order of the ids."""
    return _read("triton_rules.yaml")


def _read(name: str) -> dict[str, Rule]:
    rules = msgspec.yaml.decode((Path(__file__).parent / name).read_bytes(), type=list[Rule])
    return {rule.id: rule for rule in sorted(rules)}
