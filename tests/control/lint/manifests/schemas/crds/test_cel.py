from __future__ import annotations

from typing import Any

import pytest

from control.lint.manifests.schemas.crds.cel import broken_rules


def found(rule: str, value: Any, **more: Any) -> list[tuple[str, str, bool]]:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "string"},
            "in": {"type": "string"},
            "x-y": {"type": "string"},
            "share": {"type": "number"},
            "list": {"type": "array", "items": {"type": "string"}},
        },
        "x-kubernetes-validations": [{"rule": rule, **more}],
    }
    outer = {"type": "object", "properties": {"spec": schema}}
    return list(broken_rules(outer, {"spec": value}))


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("self.a > 1", {"a": 2}, {"a": 1}),
        ("!has(self.a) || has(self.b)", {}, {"a": 1}),
        ("self.__in__ == 'x'", {"in": "x"}, {"in": "y"}),
        ("self.x__dash__y.startsWith('v')", {"x-y": "v1"}, {"x-y": "1"}),
        ("self.share < 0.5", {"share": 0}, {"share": 1}),
        ("self.list.all(i, size(i) > 1)", {"list": ["ab"]}, {"list": ["a"]}),
        ("self.list.exists_one(i, i == 'a')", {"list": ["a"]}, {"list": ["a", "a"]}),
        ("isURL(self.b)", {"b": "https://example.org"}, {"b": "example"}),
        ("isIP(self.b)", {"b": "::1"}, {"b": "::x"}),
        ("duration(self.b) <= duration('2s')", {"b": "1500ms"}, {"b": "1m"}),
        ("self.b.split('/').size() == 2", {"b": "a/b"}, {"b": "a"}),
        ("self.b.matches('^[a-z]+$')", {"b": "ab"}, {"b": "a1"}),
    ],
)
def test_rules(rule: str, good: dict[str, Any], bad: dict[str, Any]) -> None:
    assert found(rule, good) == []
    assert [(path, evaluated) for path, _, evaluated in found(rule, bad)] == [("spec", True)]


def test_messages_and_paths() -> None:
    assert found("self.a > 1", {"a": 1}, message="too few", fieldPath=".a") == [("spec.a", "too few", True)]
    ((_, message, _),) = found("self.a > 1", {"a": 1})
    assert "self.a > 1" in message


def test_rules_about_changes_say_nothing_of_a_creation() -> None:
    assert found("self.a == oldSelf.a", {"a": 1}) == []


def test_what_cannot_be_evaluated_is_said_apart() -> None:
    for rule in ("self.a + 'x' == 3", "((", "noSuchFunction(self.a)"):
        assert [evaluated for _, _, evaluated in found(rule, {"a": 1})] == [False]


def test_a_rule_that_reads_a_field_which_is_not_there_fails() -> None:
    rule = "self.a == 1 ? size(self.list) > 0 || self.b != '' : true"
    assert found(rule, {"a": 1, "b": "x"}) == found(rule, {"a": 2}) == []
    said = [("spec", "no such key: b evaluating rule: give a list or b", True)]
    assert found(rule, {"a": 1}, message="give a list or b") == said
