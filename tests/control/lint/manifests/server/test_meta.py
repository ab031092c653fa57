from __future__ import annotations

import pytest

from control.lint.manifests.server.meta import matching
from tests.control.lint.manifests.server.said import said

ACCOUNT = "{{apiVersion: v1, kind: ServiceAccount, metadata: {{{}}}}}"
ACCEPTED = [
    "name: a.b-c",
    "generateName: a-",
    "name: a, labels: {a.io/B_c: D.e, f: ''}",
    "name: a, annotations: {a/b: any text}",
]
REFUSED = [
    ("labels: {}", "metadata.name: Required value: name or generateName is required"),
    ("name: A", 'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must'),
    ("generateName: A-", 'metadata.generateName: Invalid value: "A-": a lowercase RFC 1123 subdomain must'),
    ("name: a, namespace: a.b", 'metadata.namespace: Invalid value: "a.b": a lowercase RFC 1123 label must'),
    ("name: a, labels: {a: b c}", 'metadata.labels: Invalid value: "b c": a valid label must be an empty string'),
    ("name: a, labels: {a b: c}", 'metadata.labels: Invalid value: "a b": name part must consist of'),
    ("name: a, labels: {/b: c}", 'metadata.labels: Invalid value: "/b": prefix part must be non-empty'),
    ("name: a, labels: {a/b/c: d}", 'metadata.labels: Invalid value: "a/b/c": a qualified name must consist of'),
    ("name: a, annotations: {a b: c}", 'metadata.annotations: Invalid value: "a b": name part must consist of'),
    ("name: a, finalizers: [a b]", 'metadata.finalizers[0]: Invalid value: "a b": name part must consist of'),
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_accepted(text: str) -> None:
    assert said(ACCOUNT.format(text)) == []


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_refused(text: str, words: str) -> None:
    lines = said(ACCOUNT.format(text))
    assert any(line.startswith(words) for line in lines), lines


def test_selectors() -> None:
    own = {"a": "b", "c": "d"}
    assert matching({}, own) and matching({"matchLabels": {"a": "b"}}, own)
    assert not matching(None, own) and not matching({"matchLabels": {"a": "c"}}, own)
    for operator, values, wanted in [
        ("In", ["b"], True),
        ("NotIn", ["b"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ]:
        item = {"key": "a", "operator": operator, "values": values}
        assert matching({"matchExpressions": [item]}, own) is wanted
    assert matching({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["b"]}]}, own)
