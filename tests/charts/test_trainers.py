"""What trainers may do, and the admission policy that keeps them to it, evaluated on RayJobs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control.cluster.rayjob import rayjob
from control.cluster.settings import ClusterSettings
from tests.charts.chart import of_kind
from training.run import TrainRequest

TRAINERS = [
    {"kind": "Group", "name": "ml-engineers"},
    {"kind": "User", "name": "ann"},
    {"kind": "ServiceAccount", "name": "ci"},
]
VALUES = {"rbac": {"trainers": TRAINERS, "trainerSecrets": ["mlflow"]}, "secrets": {"storage": "buckets"}}
SETTINGS = ClusterSettings(namespace="slipway", secrets=("mlflow", "buckets"), service_account="trainer")
Edit = Callable[[dict[str, Any]], Any]


def policy() -> dict[str, Any]:
    (found,) = of_kind(VALUES, "ValidatingAdmissionPolicy").values()
    spec: dict[str, Any] = found["spec"]
    return spec


def evaluate(expression: str, names: dict[str, Any]) -> Any:
    """A result as plain values; names that are no variable of CEL do not matter."""
    import cel
    from cel.stdlib import add_stdlib_to_context

    context = cel.Context()
    add_stdlib_to_context(context)
    for name, value in names.items():
        context.add_variable(name, value)
    return cel.compile(expression).execute(context)


def refusals(item: dict[str, Any]) -> list[str]:
    """The messages that the API server would answer with."""
    variables: dict[str, Any] = {}
    names: dict[str, Any] = {"object": item, "variables": variables}
    spec = policy()
    for variable in spec["variables"]:
        variables[variable["name"]] = evaluate(variable["expression"], names)
    return [one["message"] for one in spec["validations"] if evaluate(one["expression"], names) is not True]


def job(**settings: Any) -> dict[str, Any]:
    request = TrainRequest(app="price", paths=("s3://data/prices.csv",))
    return rayjob(request, ClusterSettings(**{**vars(SETTINGS), **settings}), "train-price-1", "s3://models/live")


def cron(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "kind": "RayCronJob", "spec": {"schedule": "0 3 * * *", "jobTemplate": item["spec"]}}


def head(item: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = item["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    return found


def env(item: dict[str, Any]) -> None:
    source = {"secretKeyRef": {"name": "slipway-database", "key": "dsn"}}
    head(item)["spec"]["containers"][0].setdefault("env", []).append({"name": "X", "valueFrom": source})


def env_from(item: dict[str, Any]) -> None:
    container = item["spec"]["submitterPodTemplate"]["spec"]["containers"][0]
    container["envFrom"] = [{"secretRef": {"name": "slipway-database"}}]


def init(item: dict[str, Any]) -> None:
    reference = [{"secretRef": {"name": "slipway-database"}}]
    head(item)["spec"]["initContainers"] = [{"name": "x", "envFrom": reference}]


def worker(item: dict[str, Any]) -> None:
    template = copy.deepcopy(head(item))
    template["spec"]["volumes"].append({"name": "x", "secret": {"secretName": "slipway-database"}})
    item["spec"]["rayClusterSpec"]["workerGroupSpecs"] = [{"groupName": "g", "template": template}]


def volume(**source: Any) -> Edit:
    return lambda item: head(item)["spec"]["volumes"].append({"name": "x", **source})


def cluster(**more: Any) -> Edit:
    return lambda item: item["spec"]["rayClusterSpec"].update(more)


SECRETS = "a training may use only these Secrets: mlflow, buckets"
VOLUMES = (
    "a training may mount no CSI volume, no path of the node, not the claim slipway-models, "
    "and only these Secrets: mlflow, buckets"
)
OPTIONS = "a training has no autoscalerOptions and no gcsFaultToleranceOptions, which could refer to Secrets"
ACCOUNTS = "the service accounts of Ray's heads and of Triton are not for trainings"
LABELS = "the pods of a training need the labels slipway.dev/release: slipway and slipway.dev/part: training"
PASSWORD = {"valueFrom": {"secretKeyRef": {"name": "slipway-redis", "key": "password"}}}


def test_what_the_command_line_submits_is_admitted() -> None:
    for item in (job(), cron(job()), job(service_account="")):
        assert refusals(item) == []
    without = job()
    del without["spec"]["submitterPodTemplate"]
    without["spec"]["rayClusterSpec"]["workerGroupSpecs"] = [{"groupName": "g", "template": head(job())}]
    assert refusals(without) == []


@pytest.mark.parametrize("wrap", [lambda item: item, cron], ids=["RayJob", "RayCronJob"])
@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (env, SECRETS),
        (env_from, SECRETS),
        (init, SECRETS),
        (worker, VOLUMES),
        (volume(secret={"secretName": "slipway-database"}), VOLUMES),
        (volume(projected={"sources": [{"secret": {"name": "slipway-database"}}]}), VOLUMES),
        (volume(csi={"driver": "secrets-store.csi.k8s.io"}), VOLUMES),
        (volume(persistentVolumeClaim={"claimName": "slipway-models"}), VOLUMES),
        (cluster(autoscalerOptions={"envFrom": []}), OPTIONS),
        (cluster(gcsFaultToleranceOptions={"redisAddress": "r:1", "redisPassword": PASSWORD}), OPTIONS),
        (
            lambda item: item["spec"].update(clusterSelector={"ray.io/cluster": "slipway-price"}),
            "a training runs on a cluster of its own; leave clusterSelector out",
        ),
        (volume(hostPath={"path": "/"}), VOLUMES),
        (lambda item: head(item)["spec"].update(serviceAccountName="slipway-ray"), ACCOUNTS),
        (lambda item: head(item)["spec"].update(serviceAccount="slipway-ray"), ACCOUNTS),
        (lambda item: head(item)["spec"].update(serviceAccountName="slipway-triton"), ACCOUNTS),
        (lambda item: head(item)["metadata"]["labels"].update({"slipway.dev/part": "gateway"}), LABELS),
        (lambda item: head(item)["metadata"].pop("labels"), LABELS),
    ],
)
def test_a_training_cannot_get_at_what_is_servings(edit: Edit, said: str, wrap: Edit) -> None:
    item = copy.deepcopy(job())
    edit(item)
    assert refusals(wrap(item)) == [said]


@pytest.mark.parametrize(
    ("user", "groups", "applies"),
    [
        ("ann", [], True),
        ("bob", ["ml-engineers"], True),
        ("system:serviceaccount:slipway:ci", [], True),
        ("system:serviceaccount:other:ci", [], False),
        ("admin", ["system:masters"], False),
    ],
)
def test_the_policy_is_for_the_trainers_alone(user: str, groups: list[str], applies: bool) -> None:
    (condition,) = policy()["matchConditions"]
    request = {"userInfo": {"username": user, "groups": groups}}
    assert evaluate(condition["expression"], {"request": request}) is applies
    (binding,) = of_kind(VALUES, "ValidatingAdmissionPolicyBinding").values()
    (named,) = of_kind(VALUES, "ValidatingAdmissionPolicy")
    assert (binding["spec"]["policyName"], binding["spec"]["validationActions"]) == (named, ["Deny"])


def test_it_can_be_left_to_the_cluster() -> None:
    without = {"rbac": {"trainers": TRAINERS, "restrictTrainers": False}}
    assert of_kind(without, "ValidatingAdmissionPolicy") == of_kind({}, "ValidatingAdmissionPolicy") == {}


def test_the_role_allows_what_the_command_line_tells_its_user(root: Path) -> None:
    """`kubectl logs -f job/...`, `get rayjob` and `delete rayjob`, as control/cluster/run.py prints them."""
    (role,) = of_kind(VALUES, "Role").values()
    allowed = {
        (resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]
    }
    text = (root / "control" / "cluster" / "run.py").read_text()
    assert (
        "logs -f job/" in text and "get rayjob " in text.replace('"\n        f"', "") and "delete rayjob" in text
    )
    logs = {("jobs", "get"), ("pods", "list"), ("pods/log", "get")}
    assert logs | {("rayjobs", "create"), ("rayjobs", "get"), ("rayjobs", "delete"), ("events", "list")} <= allowed
    assert ("raycronjobs", "create") in allowed
    assert not {"secrets", "pods/exec", "configmaps", "serviceaccounts"} & {resource for resource, _ in allowed}
