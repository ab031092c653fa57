"""One object and where it was read from, and all objects that are applied together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from control.lint.finding import Finding
from control.lint.manifests.objects.tree import dig, strings, table
from control.lint.rules import manifest_rules

__all__ = ["EXTERNAL", "Bundle", "Origin", "Resource", "declared_in"]

EXTERNAL = "slipway.dev/external"
"""Annotation, or comment in a file, that names objects that exist elsewhere: `secret/NAME, configmap/NAME`."""
_COMMENT = re.compile(rf"^\s*#\s*{re.escape(EXTERNAL)}:(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Origin:
    """The source of an object. `lines` has the line of each field if the file was not rendered."""

    source: str
    file: str
    line: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Resource:
    """One Kubernetes object."""

    body: dict[str, Any]
    origin: Origin

    @property
    def kind(self) -> str:
        """Such as Deployment."""
        return str(self.body.get("kind", ""))

    @property
    def api_version(self) -> str:
        """Such as apps/v1."""
        return str(self.body.get("apiVersion", ""))

    @property
    def group(self) -> str:
        """Such as apps; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def name(self) -> str:
        """metadata.name, or generateName."""
        metadata = table(self.body.get("metadata"))
        return str(metadata.get("name") or metadata.get("generateName") or "")

    @property
    def namespace(self) -> str:
        """Empty if the object names no namespace."""
        return str(dig(self.body, "metadata.namespace") or "")

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations whose values are text."""
        return strings(dig(self.body, "metadata.annotations"))

    @property
    def label(self) -> str:
        """Kind and name, such as `Deployment/gateway`; empty if neither is known."""
        return f"{self.kind}/{self.name}".strip("/")

    def get(self, path: str) -> Any:
        """Return the value at the path, or None."""
        return dig(self.body, path)

    def finding(self, id: str, path: str, message: str, severity: Literal["", "warning"] = "") -> Finding:
        """Return a finding at a field of this object, with the severity of its rule unless another is given."""
        line, at = self.origin.line, path
        while at and at not in self.origin.lines:
            at = at[: max(at.rfind("."), at.rfind("["), 0)]
        line = self.origin.lines.get(at, line) if at else line
        return Finding(
            file=self.origin.file,
            line=line,
            subject=self.label,
            field=path,
            rule=manifest_rules()[id],
            problem=message,
            own_severity=severity,
            sources=(self.origin.source,),
        )


class Bundle:
    """Objects that are applied together, so that they may refer to each other."""

    def __init__(self, resources: Iterable[Resource], external: Iterable[str] = ()) -> None:
        self.resources = list(resources)
        self._given = {name.strip().lower() for name in external}

    @cached_property
    def by_kind(self) -> dict[str, list[Resource]]:
        """Kind -> objects."""
        found: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.resources:
            found[resource.kind].append(resource)
        return found

    @cached_property
    def external(self) -> set[str]:
        """The objects that are declared to exist elsewhere, such as `secret/database`, in lower case."""
        declared = [item.annotations.get(EXTERNAL, "") for item in self.resources]
        return self._given | {name.lower() for text in declared for name in _names(text)}

    def of(self, *kinds: str) -> list[Resource]:
        """Return all objects of these kinds."""
        return [resource for kind in kinds for resource in self.by_kind.get(kind, ())]

    def find(self, kind: str, name: str, namespace: str = "") -> Resource | None:
        """Return the object of that kind and name, or None. An empty namespace matches any namespace."""
        for resource in self.by_kind.get(kind, ()):
            if resource.name == name and (not namespace or resource.namespace in ("", namespace)):
                return resource
        return None

    def declared(self, kind: str, name: str) -> bool:
        """Return whether the object is declared to exist elsewhere."""
        return f"{kind}/{name}".lower() in self.external


def declared_in(text: str) -> set[str]:
    """Return the names in the comments `# slipway.dev/external: secret/a, secret/b` of a file."""
    return {name for match in _COMMENT.finditer(text) for name in _names(match[1])}


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
