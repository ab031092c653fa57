from __future__ import annotations

from control.lint.manifests.checks.names import check
from tests.control.lint.manifests.made import bundle, found, good_bundle


def test_good_names() -> None:
    assert found(check, good_bundle()) == []


def test_the_same_object_twice_but_not_in_two_namespaces() -> None:
    one = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: %s}}"
    assert found(check, bundle(f"{one % 'x'}\n---\n{one % 'y'}")) == []
    assert found(check, bundle(f"{one % 'x'}\n---\n{one % 'x'}")) == [("SLW004", "metadata.name")]


def test_names_of_custom_resources() -> None:
    text = "{apiVersion: ray.io/v1, kind: RayCluster, metadata: {name: %s}}"
    assert found(check, bundle(text % "a.b")) == []
    assert found(check, bundle(text % "a_b")) == [("SLW201", "metadata.name")]


def test_labels_and_annotations() -> None:
    text = "{apiVersion: ray.io/v1, kind: RayCluster, metadata: {name: a, labels: {a: 1, /b: c, d: ''}}}"
    assert found(check, bundle(text)) == [("SLW202", "metadata.labels.a"), ("SLW202", "metadata.labels./b")]
