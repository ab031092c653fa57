"""Models that were added from a file: named in the values, and served as apps are."""

from __future__ import annotations

from typing import Any

import pytest

from control.charts.render import ChartError, render
from serving.kernel.find_app import find_apps
from tests.charts.chart import OPEN, objects, of_kind, pods, variables

APPS = sorted(app.name for app in find_apps())
LATE: dict[str, Any] = {"replicas": {"max": 7}, "slo": {"p99_ms": 70}}
MODELS: dict[str, Any] = {"addedModels": {"churn": {}, "late-fees": LATE}}
ALONE: dict[str, Any] = {**MODELS, "groupPerApp": False, "groups": {"files": {"apps": ["churn", "late-fees"]}}}


def served(values: dict[str, Any]) -> dict[str, list[str]]:
    """Deployment -> SLIPWAY_APPS."""
    found = {}
    for name, item in of_kind(values, "Deployment").items():
        (pod,) = pods(item)
        found[name] = variables(pod["containers"][0])["SLIPWAY_APPS"].split(",")
    return found


def test_small_ones_share_the_group_of_small_apps() -> None:
    assert served(MODELS) == {"slipway-shared": sorted([*APPS, "churn", "late-fees"])}


def test_each_may_have_a_group_and_one_group_may_have_them_all() -> None:
    each = {**MODELS, **OPEN, "groupPerApp": True, "routes": {"enabled": True}, "metrics": {"rules": True}}
    assert served(each)["slipway-late-fees"] == ["late-fees"]
    found = objects(each)
    assert found["HorizontalPodAutoscaler", "slipway-late-fees"]["spec"]["maxReplicas"] == 7
    assert "/v1/models/late-fees:predict" in str(found["HTTPRoute", "slipway-late-fees"])
    rules = {group["name"]: group["rules"] for group in found["PrometheusRule", "slipway"]["spec"]["groups"]}
    assert any(rule["expr"].endswith("> 0.07") for rule in rules["slipway-late-fees"])
    assert served(ALONE) == {"slipway-files": ["churn", "late-fees"]}
    own = {**MODELS, "groupPerApp": False, "groups": {"late-fees": {}}}
    assert served(own) == {"slipway-late-fees": ["late-fees"]}


def test_triton_serves_them_and_no_job_trains_them() -> None:
    triton = {**ALONE, "triton": {"enabled": True}}
    assert "--model=late-fees" in str(of_kind(triton, "ServingRuntime"))
    bootstrap = {"training": {"bootstrap": {"enabled": True}}}
    (job,) = (job for name, job in of_kind({**MODELS, **bootstrap}, "Job").items() if "bootstrap" in name)
    (pod,) = pods(job)
    assert pod["containers"][0]["command"][4:] == APPS
    with pytest.raises(ChartError, match="the groups serve added models alone, and there is nothing to train"):
        render({**ALONE, **bootstrap})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"addedModels": {"price": {}}}, "addedModels.price: price is an app, so it is served already"),
        ({"addedModels": {"churn": {"replica": {}}}}, "replica"),
        ({"groups": {"files": {"apps": ["churn"]}}}, 'there is no app "churn".*go into addedModels first'),
        (
            {**MODELS, "training": {"bootstrap": {"enabled": True, "apps": ["churn"]}}},
            "training.bootstrap.apps: churn was added from a file, so there is nothing to train",
        ),
        (
            {**MODELS, "mlflow": {"url": "http://m"}, "training": {"jobs": {"x": {"app": "churn"}}}},
            "training.jobs.x.app: churn was added from a file, so there is nothing to train",
        ),
        ({"addedModels": {"shared": {"backend": "replica"}}}, "the app shared would have it alone; add this app"),
        (
            {"addedModels": {"shared": {}}, "groups": {"shared": {"scaling": "none"}}},
            "the app shared would have it",
        ),
        (
            {"addedModels": {"late-fees": {}, "late_fees": {}}, "groupPerApp": True},
            "the apps late-fees and late_fees would both have the group late-fees; add one of them",
        ),
        ({"addedModels": {"churn": {"backend": "triton"}}}, "groups.churn: the backend of churn is triton, which"),
        (
            {"addedModels": {"churn": {"backend": "triton"}}, "triton": {"enabled": True, "models": ["price"]}},
            "triton.models: the backend of churn in the group churn is triton; add it",
        ),
        (
            {"addedModels": {"churn": {"backend": "replica"}}, "groups": {"churn": {"runtime": "process"}}},
            "groups.churn.runtime: the backend of churn is replica, which requires runtime ray; set groups.ch",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        render(values)
