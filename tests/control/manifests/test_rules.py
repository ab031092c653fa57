from __future__ import annotations

import re
from pathlib import Path

from control.manifests.rules import FAMILIES, rules


def test_every_rule_says_what_why_and_how() -> None:
    for rule in rules().values():
        assert re.fullmatch(r"SLW\d{3}", rule.id) and rule.family in FAMILIES
        assert all(text.strip() for text in (rule.title, rule.why, rule.fix))
        assert rule.why.endswith(".") and rule.fix.endswith(".") and not rule.title.endswith(".")


def test_every_rule_is_used_and_every_id_in_the_code_is_a_rule(root: Path) -> None:
    used: set[str] = set()
    for path in (root / "control" / "manifests").rglob("*.py"):
        used |= set(re.findall(r"\"(SLW\d{3})\"", path.read_text()))
    assert used == set(rules())


def test_families_are_told_by_the_first_digit() -> None:
    first = {rule.family: rule.id[3] for rule in rules().values()}
    assert all(rule.id[3] == first[rule.family] for rule in rules().values())
    assert len(set(first.values())) == len(FAMILIES)
