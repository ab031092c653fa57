from __future__ import annotations

from control.lint.manifests.objects.resource import Origin, Resource, declared_in
from control.lint.manifests.strict_yaml import read
from tests.control.lint.manifests.made import bundle

TEXT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: a
  namespace: ml
  annotations:
    slipway.dev/external: Secret/db, configmap/ca
spec:
  replicas: 1
"""


def test_a_finding_has_the_line_of_the_nearest_field() -> None:
    (document,) = read(TEXT)
    resource = Resource(document.value, Origin("s", "a.yaml", document.line, document.lines))
    assert resource.finding("SLW101", "spec.replicas", "x").line == 9
    assert resource.finding("SLW101", "spec.template.spec.containers[0].image", "x").line == 8
    assert resource.finding("SLW101", "nowhere", "x").line == 1


def test_an_object_knows_what_it_is() -> None:
    (resource,) = bundle(TEXT).resources
    assert (resource.group, resource.kind, resource.namespace, resource.label) == (
        "apps",
        "Deployment",
        "ml",
        "Deployment/a",
    )
    (bare,) = bundle("{apiVersion: v1, kind: Pod, metadata: 3}").resources
    assert (bare.group, bare.name, bare.namespace, bare.annotations) == ("", "", "", {})


def test_what_is_found_and_declared() -> None:
    given = bundle(TEXT, "secret/OTHER")
    assert given.find("Deployment", "a", "ml") and given.find("Deployment", "a")
    assert given.find("Deployment", "a", "web") is None and given.find("Service", "a") is None
    assert (
        given.declared("Secret", "db") and given.declared("ConfigMap", "ca") and given.declared("secret", "other")
    )
    assert not given.declared("Secret", "ca")


def test_comments_declare_too() -> None:
    lines = (
        "# slipway.dev/external: secret/a, metric/b",
        "a: 1  # slipway.dev/external: secret/no",
        "  #slipway.dev/external:secret/c",
    )
    text = "\n".join(lines)
    assert declared_in(text) == {"secret/a", "metric/b", "secret/c"}
