from __future__ import annotations

import pytest

from control.lint.manifests.server.refusal import Refusal
from control.lint.manifests.server.rule_ids import RULES, rule_id
from control.lint.rules import manifest_rules


@pytest.mark.parametrize(
    ("path", "reason", "id"),
    [
        ("metadata.name", 'Invalid value: "A": a lowercase', "SLW201"),
        ("spec.template.spec.containers[0].name", 'Duplicate value: "a"', "SLW211"),
        ("spec.template.spec.restartPolicy", 'Unsupported value: "Never": supported values: "Always"', "SLW218"),
        ("spec.template.spec.tolerations[0].effect", 'Unsupported value: "No"', "SLW204"),
        ("spec.strategy.rollingUpdate", "Forbidden: may not be specified", "SLW109"),
    ],
)
def test_ids(path: str, reason: str, id: str) -> None:
    assert rule_id(Refusal(path, reason)) == id


def test_every_id_is_a_rule() -> None:
    assert {id for _, _, id in RULES} <= set(manifest_rules())
