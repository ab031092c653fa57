"""The definitions (CRDs) of a folder, by group, version and kind, with those of older releases."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from control.errors import ManifestError
from control.lint.manifests.objects.tree import dig, table

__all__ = ["OTHER_KINDS", "Definition", "Definitions", "load"]

_RELEASE = re.compile(r"^(?P<name>.+?)-v?(?P<release>\d+(\.\d+)+)$")
OTHER_KINDS = {
    "argoproj.io": (
        "Application ApplicationSet AppProject Workflow WorkflowTemplate ClusterWorkflowTemplate CronWorkflow "
        "EventBus EventSource Sensor"
    ),
    "cert-manager.io": "CertificateRequest",
    "gateway.networking.k8s.io": "ListenerSet TCPRoute TLSRoute UDPRoute",
    "monitoring.coreos.com": (
        "Alertmanager AlertmanagerConfig Probe Prometheus PrometheusAgent ScrapeConfig ThanosRuler"
    ),
    "serving.kserve.io": (
        "InferenceGraph LLMInferenceService LLMInferenceServiceConfig LocalModelCache LocalModelNamespaceCache "
        "LocalModelNode LocalModelNodeGroup TrainedModel"
    ),
}
"""Group -> kinds that exist, although a folder of definitions often lacks them."""
FORMER_GROUPS = ("certmanager.k8s.io", "keda.k8s.io", "networking.x-k8s.io", "serving.kubeflow.org")
"""Groups that operators gave up."""
ALIKE = 0.8
"""From here on, the name of a group is a slip of another one that has the kind."""
Key = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Definition:
    """One served version of a kind. `release` is set for definitions in a folder `<operator>-<release>`."""

    group: str
    version: str
    kind: str
    namespaced: bool
    schema: dict[str, Any]
    operator: str
    release: str = ""


@dataclass
class Definitions:
    """All known definitions."""

    current: dict[Key, Definition] = field(default_factory=dict)
    older: dict[Key, list[Definition]] = field(default_factory=dict)

    @property
    def groups(self) -> set[str]:
        """The groups of all known kinds."""
        return {group for group, _, _ in self.current}

    def may_exist(self, group: str, kind: str) -> bool:
        """Return whether a kind that has no definition here may exist on a cluster all the same."""
        if group in self.groups:
            return kind in OTHER_KINDS.get(group, "").split()
        homes = {known for known, _, name in self.current if name == kind}
        return group not in FORMER_GROUPS and not get_close_matches(group, homes, cutoff=ALIKE)

    def find(self, body: dict[str, Any]) -> Definition | None:
        """Return the definition of an object's kind, or None."""
        return self.current.get(key_of(body))

    def served(self, body: dict[str, Any]) -> list[str]:
        """Return the versions in which an object's kind is served."""
        group, _, kind = key_of(body)
        return sorted(version for (g, version, k) in self.current if (g, k) == (group, kind))

    def before(self, body: dict[str, Any]) -> list[Definition]:
        """Return the definitions of the same kind in older releases of its operator."""
        return self.older.get(key_of(body), [])


def key_of(body: dict[str, Any]) -> Key:
    """Return group, version and kind of an object."""
    group, _, version = str(body.get("apiVersion", "")).rpartition("/")
    return group, version, str(body.get("kind", ""))


def load(folder: Path) -> Definitions:
    """Read every definition in the files `*.json` below the folder. Raises `ManifestError`."""
    if not folder.is_dir():
        raise ManifestError(
            f"SLIPWAY_SCHEMAS: {folder} is not a folder; set it to a folder of CRDs as JSON, one in each file"
        )
    found = Definitions()
    for path in sorted(folder.rglob("*.json")):
        try:
            body = json.loads(path.read_bytes())
        except ValueError as error:
            raise ManifestError(f"{path} is not JSON: {error}; SLIPWAY_SCHEMAS must hold CRDs as JSON") from error
        if table(body).get("kind") == "CustomResourceDefinition":
            _add(found, body, path.parent.name)
    if not found.current:
        raise ManifestError(f"SLIPWAY_SCHEMAS: there is no CustomResourceDefinition below {folder}")
    return found


def _add(found: Definitions, body: dict[str, Any], folder: str) -> None:
    spec = body["spec"]
    match = _RELEASE.match(folder)
    operator, release = (match["name"], match["release"]) if match else (folder, "")
    for version in spec["versions"]:
        schema = dig(version, "schema.openAPIV3Schema")
        if not version.get("served") or schema is None:
            continue
        key = (spec["group"], version["name"], spec["names"]["kind"])
        made = Definition(*key, spec["scope"] == "Namespaced", schema, operator, release)
        if release:
            found.older.setdefault(key, []).append(made)
        else:
            found.current[key] = made
