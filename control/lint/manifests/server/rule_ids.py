"""The rule of the linter that a refusal belongs to, so that every mistake of one kind has one id."""

from __future__ import annotations

import re

from control.lint.manifests.server.refusal import Refusal

__all__ = ["rule_id"]

OTHER = "SLW109"
RULES: tuple[tuple[str, str, str], ...] = (
    (r"", r"^quantities must match", "SLW203"),
    (r"restartPolicy$", r'^Unsupported value: "(Always|OnFailure|Never)"|^Required|podFailurePolicy', "SLW218"),
    (r"\.selector$|metadata\.labels$", r"`selector`|^empty selector|empty selector is|^Required", "SLW301"),
    (r"(labels|annotations|nodeSelector|matchLabels|spec\.selector)$", r"^Invalid", "SLW202"),
    (r"^metadata\.(name|namespace|generateName)$", r"", "SLW201"),
    (r"ports\[\d+\](\.\w+)?$", r"^Duplicate|^Required", "SLW205"),
    (r"(containers|initContainers|volumes)\[\d+\]\.name$", r"^Invalid", "SLW201"),
    (r"(containers|initContainers|volumes)\[\d+\]\.name$", r"^Duplicate", "SLW211"),
    (r"\.mountPath$", r"must be unique", "SLW211"),
    (r"(ports\[\d+\]\.(name|port|containerPort|hostPort|targetPort)|Probe\.\w+\.port)$", r"^Invalid", "SLW212"),
    (r"Probe(\.\w+)?$", r"handler type", "SLW206"),
    (r"requests$", r"must be less than or equal to", "SLW207"),
    (r"volumeMounts\[\d+\]\.name$", r"^Not found", "SLW208"),
    (r"\.image$", r"^Required", "SLW209"),
    (r"(requests|limits)$", r"must be equal to|non overcommitable", "SLW210"),
    (r"\.valueFrom$", r"`value` is not empty", "SLW217"),
    (r"\.path(Type)?$", r"absolute path|pathType", "SLW306"),
    (r"(min|max)Replicas$", r"", "SLW401"),
    (r"^spec$", r"minAvailable", "SLW406"),
    (r"(limits|requests)\[|storage\]$", r"must be greater than", "SLW203"),
    (r"", r"^Unsupported value", "SLW204"),
    (r"^spec\.metrics", r"", "SLW409"),
)
"""Path, reason and id; the first that fits counts."""


def rule_id(refusal: Refusal) -> str:
    """Return the id of the rule."""
    for path, reason, id in RULES:
        if re.search(path, refusal.path) and re.search(reason, refusal.reason):
            return id
    return OTHER
