from __future__ import annotations

import pytest

from benchmarks.manifests.edit import put
from control.lint.manifests.checks.objects import check
from tests.control.lint.manifests.made import found, good_bundle


def test_good_objects() -> None:
    assert found(check, good_bundle()) == []


@pytest.mark.parametrize(
    ("target", "path", "field"),
    [
        ("Service/gateway", "spec ports 1 protocol", "spec.ports[1].protocol"),
        (
            "HorizontalPodAutoscaler/gateway",
            "spec metrics 0 resource target type",
            "spec.metrics[0].resource.target.type",
        ),
        ("NetworkPolicy/gateway", "spec policyTypes 0", "spec.policyTypes[0]"),
        ("RoleBinding/gateway", "subjects 0 kind", "subjects[0].kind"),
        ("PriorityClass/serving", "preemptionPolicy", "preemptionPolicy"),
    ],
)
def test_the_place_is_named(target: str, path: str, field: str) -> None:
    assert found(check, good_bundle(target, put(path, "Wrong"))) == [("SLW204", field)]
