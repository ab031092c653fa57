from __future__ import annotations

import pytest

from control.lint.manifests.operators.ray_jobs import check
from tests.control.lint.manifests.made import bundle, found, good_bundle

JOB = "{apiVersion: ray.io/v1, kind: RayJob, metadata: {name: a}, spec: {%s}}"
CRON = "{apiVersion: ray.io/v1, kind: RayCronJob, metadata: {name: a}, spec: {schedule: '%s', jobTemplate: {%s}}}"
CLUSTER = "rayClusterSpec: {headGroupSpec: {}}"


def test_good_jobs() -> None:
    assert found(check, good_bundle()) == []
    assert found(check, bundle(CRON % ("0 3 * * *", CLUSTER))) == []


def test_time_zones_of_cron_jobs() -> None:
    assert found(check, bundle(CRON % ("TZ=UTC 0 3 * * *", CLUSTER))) == [("SLW708", "spec.schedule")]
    for zone, expected in (("Europe/Berlin", 0), ("Local", 0), ("Europe/Atlantis", 1), ("''", 1)):
        text = CRON.replace("schedule:", f"timeZone: {zone}, schedule:") % ("@daily", CLUSTER)
        assert found(check, bundle(text)) == [("SLW708", "spec.timeZone")] * expected, zone


@pytest.mark.parametrize(
    "more",
    [
        "shutdownAfterJobFinishes: true, ttlSecondsAfterFinished: 60, suspend: true",
        "submissionMode: InteractiveMode",
        "runtimeEnvYAML: 'pip: [a]'",
        "deletionStrategy: {deletionRules: [{policy: DeleteCluster, condition: {ttlSeconds: 5}}]}",
    ],
)
def test_accepted(more: str) -> None:
    assert found(check, bundle(JOB % f"{CLUSTER}, {more}")) == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("suspend: true", "suspend"),
        ("ttlSecondsAfterFinished: 60", "ttlSecondsAfterFinished"),
        ("ttlSecondsAfterFinished: -1", "ttlSecondsAfterFinished"),
        ("submissionMode: InteractiveMode, backoffLimit: 1", "backoffLimit"),
        ("submissionMode: SidecarMode, submitterPodTemplate: {}", "submitterPodTemplate"),
        ("backoffLimit: -1", "backoffLimit"),
        ("activeDeadlineSeconds: 0", "activeDeadlineSeconds"),
        ("runtimeEnvYAML: 'pip: ['", "runtimeEnvYAML"),
        ("runtimeEnvYAML: text", "runtimeEnvYAML"),
        ("deletionStrategy: {}", "deletionStrategy"),
        ("deletionStrategy: {onSuccess: {policy: DeleteSelf}}", "deletionStrategy"),
        (
            "shutdownAfterJobFinishes: true, deletionStrategy: {deletionRules: [{policy: DeleteSelf}]}",
            "deletionStrategy",
        ),
        (
            "deletionStrategy: {deletionRules: [{policy: DeleteSelf}, {policy: DeleteSelf}]}",
            "deletionStrategy.deletionRules[1]",
        ),
    ],
)
def test_refused(more: str, field: str) -> None:
    assert found(check, bundle(JOB % f"{CLUSTER}, {more}")) == [("SLW708", f"spec.{field}")]


def test_a_cluster_is_made_or_chosen() -> None:
    assert found(check, bundle(JOB % "entrypoint: a")) == [("SLW708", "spec.rayClusterSpec")]
    assert found(check, bundle(JOB % "clusterSelector: {ray.io/cluster: a}")) == []
    assert found(check, bundle(JOB % "clusterSelector: {a: b}")) == [("SLW708", "spec.clusterSelector")]
    assert found(check, bundle(JOB % "clusterSelector: {ray.io/cluster: a}, backoffLimit: 1")) == [
        ("SLW708", "spec.backoffLimit")
    ]


def test_a_line_of_cron_that_cannot_be_read() -> None:
    assert found(check, bundle(CRON % ("0 3 * *", CLUSTER))) == [("SLW708", "spec.schedule")]
    assert found(check, bundle(CRON % ("@daily", "suspend: true, " + CLUSTER))) == [
        ("SLW708", "spec.jobTemplate.suspend")
    ]
