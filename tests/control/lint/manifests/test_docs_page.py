from __future__ import annotations

from pathlib import Path

from control.lint.manifests.docs_page import Agreement, Rate, page, rule_tables
from control.lint.rules import manifest_rules

FRESH = "out of date: run `python -m benchmarks.manifests`"


def test_every_rule_is_documented(root: Path) -> None:
    text = (root / "docs" / "manifests.md").read_text()
    assert "\n".join(rule_tables()) in text, FRESH
    assert all(text.count(f"| {id} |") == 1 for id in manifest_rules())


def test_a_page_has_rates_and_what_passes() -> None:
    agreement = Agreement(refused=4, found=3, valid=2, alarms=0, accepted=5, flagged=1)
    text = page([Rate("pod", 4, 3), Rate("crd", 2, 2)], ["a broken heart"], agreement)
    assert "| Pods and containers | 4 | 3 | 75 % |" in text and "| Custom resources | 2 | 2 | 100 % |" in text
    assert "| all | 6 | 5 | 83 % |" in text and "- a broken heart" in text
    assert "11 manifests" in text and "| refused by the server | 4 | 3 | 75 % |" in text
