from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.manifests.measure import good
from control.lint.manifests.schemas.builtin_kinds import is_built_in
from control.lint.manifests.schemas.crds.check import Checker
from control.lint.manifests.schemas.crds.definitions import load


@pytest.fixture(scope="module")
def checker(schemas: Path) -> Checker:
    return Checker(load(schemas))


def test_verdicts_are_those_of_a_real_api_server(checker: Checker, schemas: Path) -> None:
    path = schemas.parent / "corpus" / "apiserver_golden_cr.json"
    if not path.is_file():
        pytest.skip(f"there are no recorded verdicts in {path.parent}")
    cases = json.loads(path.read_bytes())["cases"]
    assert len(cases) > 20
    wrong = []
    for case in cases:
        refused = [verdict for verdict in checker.check(case["manifest"]) if verdict[0] != "SLW106"]
        if bool(refused) == case["accepted"]:
            wrong.append((case["name"], refused))
    assert wrong == []


def test_good_objects_pass_and_are_not_changed(checker: Checker) -> None:
    for body in good().values():
        if not is_built_in(body):
            before = copy.deepcopy(body)
            assert checker.check(body) == [] and body == before


def test_a_version_that_is_not_served_names_those_that_are(checker: Checker) -> None:
    body = {"apiVersion": "ray.io/v2", "kind": "RayService", "metadata": {"name": "a"}}
    assert checker.knows(body)
    ((id, path, message),) = checker.check(body)
    assert (id, path) == ("SLW108", "apiVersion") and "v1, v1alpha1" in message


def test_an_older_release_that_refuses_is_named(checker: Checker) -> None:
    body: dict[str, Any] = good()["RayCluster/notebook"]
    body["spec"]["upgradeStrategy"] = {"type": "None"}
    ids = {id for id, _, _ in checker.check(body)}
    body["spec"]["tlsOptions"] = {}
    refused = checker.check(body)
    assert ids <= {"SLW106"} and refused
    assert all(message.startswith("kuberay 1.6.2: ") for id, _, message in refused if id == "SLW106")


def test_names_and_scope(checker: Checker) -> None:
    body: dict[str, Any] = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass"}
    body |= {"metadata": {"namespace": "a"}, "spec": {"controllerName": "example.org/x"}}
    assert {path for _, path, _ in checker.check(body)} == {"metadata.name", "metadata.namespace"}
