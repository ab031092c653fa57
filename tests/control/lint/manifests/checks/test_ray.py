from __future__ import annotations

from benchmarks.manifests.edit import both, drop, put
from control.lint.manifests.checks.ray import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

RAY = "RayService/price"
OPTIONS = {"gatewayClassName": "envoy", "intervalSeconds": 10, "stepSizePercent": 10}


def test_good_clusters() -> None:
    assert found(check, good_bundle()) == []


def test_an_incremental_upgrade_with_all_it_needs() -> None:
    strategy = {"type": "NewClusterWithIncrementalUpgrade", "clusterUpgradeOptions": OPTIONS}
    assert found(check, good_bundle(RAY, put("spec upgradeStrategy", strategy))) == []
    alone = both(
        put("spec upgradeStrategy", strategy), put("spec rayClusterConfig enableInTreeAutoscaling", False)
    )
    assert ("SLW702", "spec.upgradeStrategy.clusterUpgradeOptions") in found(check, good_bundle(RAY, alone))


def test_a_name_of_just_the_right_length() -> None:
    assert found(check, good_bundle(RAY, put("metadata name", "p" * 47))) == []


def test_a_cron_job_leaves_room_for_the_time_in_its_jobs_names() -> None:
    text = "{apiVersion: ray.io/v1, kind: RayCronJob, metadata: {name: %s}}"
    assert found(check, bundle(text % ("a" * 36))) == []
    assert found(check, bundle(text % ("a" * 37))) == [("SLW704", "metadata.name")]


def test_two_documents_and_no_text() -> None:
    for text in ("a: 1\n---\nb: 2\n", "", "3"):
        assert ("SLW701", "spec.serveConfigV2") in found(check, good_bundle(RAY, put("spec serveConfigV2", text)))


def test_a_cron_job_is_a_cluster_too() -> None:
    text = """
apiVersion: ray.io/v1
kind: RayCronJob
metadata: {name: a}
spec:
  jobTemplate:
    rayClusterSpec:
      workerGroupSpecs: [{groupName: a, minReplicas: 2, maxReplicas: 1}]
"""
    at = "spec.jobTemplate.rayClusterSpec.workerGroupSpecs[0].minReplicas"
    assert found(check, bundle(text)) == [("SLW703", at)]


def test_bounds_are_the_definitions_where_they_are_missing() -> None:
    at = "spec workerGroupSpecs 0"
    bare = both(drop(f"{at} minReplicas"), drop(f"{at} maxReplicas"))
    assert found(check, good_bundle("RayCluster/notebook", bare)) == []


def test_replicas_outside_of_the_bounds_are_brought_inside() -> None:
    (finding,) = check(good_bundle(RAY, put("spec rayClusterConfig workerGroupSpecs 0 replicas", 99)))
    assert (finding.id, finding.severity) == ("SLW703", "warning")


def test_a_generated_name() -> None:
    text = "{apiVersion: ray.io/v1, kind: RayCluster, metadata: {generateName: %s}}"
    assert found(check, bundle(text % "a-")) == []
    assert found(check, bundle(text % ("a" * 49))) == [("SLW704", "metadata.name")]


def test_the_time_to_initialize() -> None:
    noted = "metadata annotations ray.io/initializing-timeout"
    for given in ("5m", "1h30m", "90", ""):
        assert found(check, good_bundle(RAY, put(noted, given))) == [], given
    for given in ("soon", "0", "0s", "-5m", "5 m", "1d"):
        (finding,) = found(check, good_bundle(RAY, put(noted, given)))
        assert finding == ("SLW706", "metadata.annotations.ray.io/initializing-timeout"), given


def test_rays_metrics_have_a_port_of_their_own() -> None:
    head = "spec rayClusterConfig headGroupSpec"
    taken = put(f"{head} template spec containers 0 ports 0 containerPort", 8080)
    at = "spec.rayClusterConfig.headGroupSpec.template.spec.containers[0].ports[0].containerPort"
    assert found(check, good_bundle(RAY, taken)) == [("SLW707", at)]
    moved = both(taken, put(f"{head} rayStartParams metrics-export-port", "8090"))
    assert found(check, good_bundle(RAY, moved)) == []
