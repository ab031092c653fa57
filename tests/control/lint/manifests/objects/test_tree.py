from __future__ import annotations

import pytest

from control.lint.manifests.objects.tree import dig, entries, every, join, plain, strings, table

BODY = {"spec": {"ports": [{"name": "http"}, 3, {"name": "grpc"}], "type": "ClusterIP"}}


def test_dig_finds_or_gives_none() -> None:
    assert dig(BODY, "spec.type") == "ClusterIP"
    assert dig(BODY, "") is BODY
    assert dig(BODY, "spec.type.deeper") is None and dig(None, "spec") is None


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("spec.ports[*].name", [("spec.ports[0].name", "http"), ("spec.ports[2].name", "grpc")]),
        ("spec.type", [("spec.type", "ClusterIP")]),
        ("spec.type[*]", []),
        ("spec.nothing.more", []),
    ],
)
def test_every_names_each_place(pattern: str, expected: list[tuple[str, str]]) -> None:
    assert list(every(BODY, pattern)) == expected
    assert [path for path, _ in every(BODY, pattern, "items[0]")] == [f"items[0].{path}" for path, _ in expected]


def test_wrong_types_are_absent() -> None:
    assert table("text") == {} and entries({"a": 1}) == [] and strings({"a": "b", "c": 1}) == {"a": "b"}
    assert [i for i, _ in entries(BODY["spec"]["ports"])] == [0, 2]
    assert join("", "a") == "a" and join("a", 0) == "a[0]"


def test_plain_values_can_be_looked_up() -> None:
    assert [plain(value) for value in ("a", 1, None, True, [1], {"a": 1})] == [
        "a",
        1,
        None,
        True,
        "[1]",
        "{'a': 1}",
    ]
