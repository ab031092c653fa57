from __future__ import annotations

from control.lint.finding import Finding
from control.lint.rules import manifest_rules, triton_rules


def test_findings_are_equal_wherever_they_were_found() -> None:
    rules = manifest_rules()
    one = Finding("a", 1, "Pod/a", "spec", rules["SLW808"], "m", sources=("x",))
    other = Finding("a", 1, "Pod/a", "spec", rules["SLW808"], "m", sources=("y",))
    assert one == other and len({one, other}) == 1
    assert one.severity == "warning" and one.rule.family == "kserve"
    assert sorted([Finding("b", 1, "", "", rules["SLW001"], "m"), one])[0] is one


def test_the_fix_is_the_rules_or_the_findings_own() -> None:
    rule = manifest_rules()["SLW303"]
    one = Finding("a", 1, "Service/a", "spec", rule, "no port")
    assert (one.message, one.fix, one.advice) == ("no port", rule.fix, f"no port. {rule.fix}")
    own = Finding("a", 1, "price", "input", triton_rules()["T140"], "[3]", "[4]", "Write [4]")
    assert (own.message, own.advice) == ("[3]; expected [4]", "[3]; expected [4]. Write [4]")
    bare = Finding("a", 1, "price", "input", triton_rules()["T140"], "[3]", "[4]")
    assert (bare.fix, bare.advice) == ("", "[3]; expected [4]")
