from __future__ import annotations

import pytest

from control.lint.manifests.strict_yaml import read


def test_documents_with_their_lines() -> None:
    first, second = read("a: 1\n---\n---\nb:\n  - c: 2\n")
    assert (first.value, second.value) == ({"a": 1}, {"b": [{"c": 2}]})
    assert (first.line, second.line, second.lines["b[0].c"]) == (1, 4, 5)
    assert first.problems == second.problems == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("22:30", "22:30"),
        ("2026-01-01", "2026-01-01"),
        ("1e3", 1000.0),
        ("0o17", 15),
        ("=", "="),
        ("yes", True),
        ("y", True),
        ("N", False),
        ("'y'", "y"),
        ("yy", "yy"),
        ('"yes"', "yes"),
        ("~", None),
        (".5", 0.5),
        ("1_000", 1000),
    ],
)
def test_scalars_are_what_the_api_server_reads(text: str, value: object) -> None:
    (document,) = read(f"a: {text}")
    assert document.value == {"a": value} and type(document.value["a"]) is type(value)


def test_a_key_twice_names_both_lines() -> None:
    (document,) = read("a:\n  b: 1\n  c: 2\n  b: 3\n")
    (problem,) = document.problems
    assert (problem.id, problem.line, problem.field) == ("SLW002", 4, "a.b")
    assert "line 2" in problem.message


def test_a_key_that_is_a_boolean() -> None:
    (document,) = read("on: push\n8080: x\n")
    assert [(problem.id, problem.field) for problem in document.problems] == [("SLW006", "on")]
    assert document.value == {"true": "push", "8080": "x"}


def test_merge_keys_are_merged() -> None:
    (document,) = read("base: &base {a: 1}\nmore:\n  <<: *base\n  b: 2\n")
    assert document.value["more"] == {"a": 1, "b": 2} and document.problems == []


@pytest.mark.parametrize(
    "text", ["a: [1", "a: b: c", "\tb: 1", "a: *x", "a: {{ .Values.x }}", "a: !!python/name:os 1"]
)
def test_what_is_no_yaml_names_its_line(text: str) -> None:
    documents = read(f"ok: 1\n---\n{text}\n")
    (problem,) = documents[-1].problems
    assert problem.id == "SLW001" and problem.line >= 3 and f"line {problem.line}" in problem.message
    assert documents[0].value == {"ok": 1}


def test_aliases_without_end() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    for text in ("a: &a [*a]\n", bomb):
        assert [problem.id for document in read(text) for problem in document.problems] == ["SLW001"]
