from __future__ import annotations

from pathlib import Path

import pytest

from control.cluster import api as module
from control.cluster.api import Cluster, Status
from control.errors import ClusterAway, KubernetesError
from tests.control.cluster.fake_api import JOBS, TOKEN, FakeApi

JOB = {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": "train-price-1"}, "spec": {}}


def test_a_job_is_created_read_and_its_log_found(api: FakeApi) -> None:
    cluster = Cluster()
    assert cluster.namespace == "ml", "the context's"
    cluster.create(JOB)
    assert api.created == [JOB]
    assert "fieldValidation=Strict" in api.asked[0]
    assert cluster.status("train-price-1") == Status("Complete", "SUCCEEDED", "")
    pod = cluster.submitter("train-price-1")
    with cluster.log(pod, 5.0) as chunks:
        assert b"".join(chunks) == b"one\ntwo\n"


def test_a_namespace_may_be_given(api: FakeApi) -> None:
    with pytest.raises(KubernetesError):
        Cluster("other").status("x")
    assert "/namespaces/other/" in api.asked[0]


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (401, "Unauthorized", "401 Unauthorized; the server refuses the credentials of this context"),
        (
            403,
            'rayjobs is forbidden: User "u"',
            "403 rayjobs is forbidden.*ask for the chart's Role <release>-trainer",
        ),
        (404, "the server could not find it", "404 .*KubeRay is not installed"),
        (409, "already exists", "409 already exists; a job of that name"),
        (422, "spec.entrypoint: Invalid value", "422 spec.entrypoint: Invalid value$"),
    ],
)
def test_a_refusal_says_what_to_do(api: FakeApi, status: int, said: str, words: str) -> None:
    api.refusals = [(status, said)]
    with pytest.raises(KubernetesError, match=f"cannot create the RayJob .* in namespace ml: {words}") as e:
        Cluster().create(JOB)
    assert not isinstance(e.value, ClusterAway) and TOKEN not in str(e.value)
    assert len(api.asked) == 1, "nothing is sent twice"


def test_an_overloaded_server_may_be_asked_again(api: FakeApi) -> None:
    api.refusals = [(503, "etcd leader changed")] * 9
    with pytest.raises(ClusterAway, match="503 etcd leader changed"):
        Cluster().status("x")


def test_a_server_that_does_not_answer_is_given_up(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.2)
    api.silent = 1.0
    with pytest.raises(ClusterAway, match="no answer from http://127.0.0.1") as error:
        Cluster().create(JOB)
    assert TOKEN not in str(error.value)
    assert [line for line in api.asked if line.startswith(f"POST {JOBS}")] == api.asked[:1], "created once at most"


def test_nobody_there(api: FakeApi, unused_port: int, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(path.read_text().replace(api.url, f"http://127.0.0.1:{unused_port}"))
    with pytest.raises(ClusterAway, match="no answer from .*kubectl cluster-info"):
        Cluster().status("x")


def test_without_a_kubeconfig_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(KubernetesError, match="no cluster is configured: .*set KUBECONFIG, or use --print"):
        Cluster()
    (tmp_path / "broken").write_text("a: [")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "broken"))
    with pytest.raises(KubernetesError, match="no cluster is configured: "):
        Cluster()
