from __future__ import annotations

import copy
from typing import Any

import pytest

from benchmarks.manifests.edit import Change, append, drop, put
from benchmarks.manifests.measure import good
from control.lint.manifests.schemas.kserve_sdk import problems

TRITON = "InferenceService/triton"


@pytest.mark.parametrize("name", [TRITON, "InferenceService/elastic"])
def test_good_services_are_built(name: str) -> None:
    body = good()[name]
    before = copy.deepcopy(body)
    assert problems(body) == [] and body == before


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (put("spec predictor model storageUrl", "x"), "spec.predictor.model.storageUrl"),
        (put("spec predictor minReplicas", "1"), "spec.predictor.minReplicas"),
        (put("spec predictor minReplicas", True), "spec.predictor.minReplicas"),
        (put("spec predictor containers", [{"name": "a", "imagee": "b"}]), "spec.predictor.containers[0].imagee"),
        (put("spec predictor tolerations", {"key": "a"}), "spec.predictor.tolerations"),
        (put("spec predictor model modelFormat", "onnx"), "spec.predictor.model.modelFormat"),
        (drop("spec predictor"), "spec.predictor"),
    ],
)
def test_what_the_models_do_not_know(change: Change, path: str) -> None:
    body: dict[str, Any] = good()[TRITON]
    change(body)
    assert path in [place for place, _ in problems(body)]


def test_open_types_take_anything() -> None:
    body = good()[TRITON]
    body["spec"]["predictor"]["volumes"] = []
    append("spec predictor volumes", {"name": "a", "emptyDir": {"sizeLimit": "1Gi"}})(body)
    put("spec predictor model readinessProbe", {"httpGet": {"port": "http", "path": "/"}})(body)
    assert problems(body) == []
