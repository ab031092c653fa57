from __future__ import annotations

from control.manifests.finding import Finding


def test_findings_are_equal_wherever_they_were_found() -> None:
    one = Finding("a", 1, "Pod/a", "spec", "SLW808", "m", ("x",))
    other = Finding("a", 1, "Pod/a", "spec", "SLW808", "m", ("y",))
    assert one == other and len({one, other}) == 1
    assert one.severity == "warning" and one.rule.family == "kserve"
    assert sorted([Finding("b", 1, "", "", "SLW001", "m"), one])[0] is one
