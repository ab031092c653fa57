from __future__ import annotations

import pytest

from benchmarks.manifests.measure import good
from control.errors import ManifestError
from control.lint.manifests.schemas.builtin_kinds import check, is_built_in, newest, versions


def test_good_objects_pass_at_both_versions() -> None:
    for body in good().values():
        if is_built_in(body):
            assert check(body, versions(())) == []


def test_what_both_versions_say_is_said_once() -> None:
    body = good()["Deployment/gateway"]
    body["spec"]["replica"] = 2
    ((id, path, message),) = check(body, ("1.30", "1.34"))
    assert (id, path) == ("SLW101", "spec.replica")
    assert message == 'Kubernetes 1.30, 1.34: strict decoding error: unknown field "spec.replica"'


def test_an_api_of_one_version_only() -> None:
    body = {"apiVersion": "flowcontrol.apiserver.k8s.io/v1beta3", "kind": "FlowSchema", "metadata": {"name": "a"}}
    assert check(body, ("1.31",)) == []
    ((id, _, message),) = check(body, ("1.31", "1.34"))
    assert id == "SLW005" and message.startswith("Kubernetes 1.34: ")


def test_versions_asked_for() -> None:
    assert versions(()) == ("1.30", newest())
    assert versions(("v1.33", "1.33.2", "1.30")) == ("1.33", "1.30")


@pytest.mark.parametrize("version", ["1", "new", "1.x", "1.5", "2.0", ""])
def test_a_version_that_there_is_not_names_those_there_are(version: str) -> None:
    with pytest.raises(ManifestError, match=rf"--kubernetes {version}: .*1\.3"):
        versions((version,))


@pytest.mark.parametrize(
    ("api_version", "built_in"),
    [
        ("v1", True),
        ("apps/v1", True),
        ("rbac.authorization.k8s.io/v1", True),
        ("ray.io/v1", False),
        ("gateway.networking.k8s.io/v1", False),
        ("autoscaling.k8s.io/v1", False),
        ("extensions/v1beta1", True),
    ],
)
def test_whose_a_kind_is(api_version: str, built_in: bool) -> None:
    assert is_built_in({"apiVersion": api_version}) is built_in


def test_a_kind_of_kubernetes_in_a_group_that_is_not_its_own() -> None:
    body = {"apiVersion": "network.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a"}}
    assert is_built_in(body)
    assert [id for id, _, _ in check(body, (newest(),))] == ["SLW005"]
