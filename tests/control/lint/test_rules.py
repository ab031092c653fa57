from __future__ import annotations

import re
from pathlib import Path

from control.lint.rules import MANIFEST_FAMILIES, TRITON_FAMILIES, manifest_rules, triton_rules


def used(folder: Path, pattern: str) -> set[str]:
    """Ids of rules in the code of a linter."""
    return {id for path in folder.rglob("*.py") for id in re.findall(pattern, path.read_text())}


def test_every_rule_says_what_and_why_and_those_of_manifests_how() -> None:
    for rule in manifest_rules().values():
        assert re.fullmatch(r"SLW\d{3}", rule.id) and rule.family in MANIFEST_FAMILIES
        assert all(text.strip() for text in (rule.title, rule.why, rule.fix))
        assert rule.why.endswith(".") and rule.fix.endswith(".") and not rule.title.endswith(".")
    for rule in triton_rules().values():
        assert re.fullmatch(r"T\d{3}", rule.id) and rule.family in TRITON_FAMILIES
        assert rule.title and not rule.title.endswith(".") and rule.why.endswith(".")


def test_every_rule_is_used_and_every_id_in_the_code_is_a_rule(root: Path) -> None:
    lint = root / "control" / "lint"
    assert used(lint / "manifests", r"\"(SLW\d{3})\"") == set(manifest_rules())
    assert used(lint / "triton", r"\"(T\d{3})\"") == set(triton_rules())


def test_ids_and_families_are_in_order() -> None:
    for rules in (manifest_rules(), triton_rules()):
        assert list(rules) == sorted(rules)
    assert {rule.family for rule in triton_rules().values()} == set(TRITON_FAMILIES)


def test_families_of_manifests_are_told_by_the_first_digit() -> None:
    first = {rule.family: rule.id[3] for rule in manifest_rules().values()}
    assert all(rule.id[3] == first[rule.family] for rule in manifest_rules().values())
    assert len(set(first.values())) == len(MANIFEST_FAMILIES)
