from __future__ import annotations

import pytest

from control.cluster import follow as module
from control.cluster.api import Cluster, Status
from control.cluster.follow import exit_code, follow
from control.errors import ClusterAway, KubernetesError
from tests.control.cluster.fake_api import DONE, FakeApi

JOB = {"metadata": {"name": "j"}}


def followed(api: FakeApi) -> tuple[Status, str, list[str]]:
    cluster = Cluster()
    cluster.create(JOB)
    written: list[str] = []
    notes: list[str] = []
    status = follow(cluster, "j", written.append, notes.append, look_seconds=0.02)
    return status, "".join(written), notes


def test_states_are_told_once_and_the_log_is_passed_on(api: FakeApi) -> None:
    api.states = [
        ("", "", ""),
        ("Initializing", "", ""),
        ("Running", "RUNNING", ""),
        ("Running", "RUNNING", ""),
        DONE,
    ]
    status, written, notes = followed(api)
    assert status.succeeded and exit_code(status) == 0
    assert written == "one\ntwo\n"
    assert notes == ["j: Initializing", "j: Running RUNNING", "j: Complete SUCCEEDED"]


def test_a_stream_that_breaks_off_is_taken_up_without_a_line_twice(api: FakeApi) -> None:
    api.log = b"first\nsecond \xe2\x82\xac\nthird, without an end"
    api.cut = 15
    api.states = [("Running", "RUNNING", "")] * 3 + [DONE]
    _, written, _ = followed(api)
    assert written == "first\nsecond \u20ac\nthird, without an end\n"


def test_a_server_that_is_away_for_a_while_ends_nothing(api: FakeApi) -> None:
    cluster = Cluster()
    cluster.create(JOB)
    # The client itself asks again, too.
    api.refusals = [(500, "etcd")] * 4
    written: list[str] = []
    assert follow(cluster, "j", written.append, written.append, look_seconds=0.02).over


def test_following_is_given_up_after_a_while(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 2)
    cluster = Cluster()
    api.refusals = [(503, "etcd")] * 99
    with pytest.raises(ClusterAway, match="503 etcd"):
        follow(cluster, "j", print, print, look_seconds=0.02)


def test_a_job_that_is_deleted_meanwhile_ends_it(api: FakeApi) -> None:
    cluster = Cluster()
    api.refusals = [(404, 'rayjobs.ray.io "j" not found')]
    with pytest.raises(KubernetesError, match="not found"):
        follow(cluster, "j", print, print, look_seconds=0.02)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("AppFailed: Job entrypoint command failed with exit code 3, last available logs", 3),
        ("Job entrypoint command failed with exit code 256", 1),
        ("DeadlineExceeded", 1),
    ],
)
def test_the_jobs_own_exit_code_is_ours(message: str, code: int) -> None:
    assert exit_code(Status("Failed", "FAILED", message)) == code
