"""`slipway train --on cluster` from the shell."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.control.cluster.fake_api import TOKEN, FakeApi
from tests.control.conftest import Slipway

DATA = ("--data", "s3://data/prices.csv", "--on", "cluster")
ENVIRON = {"SLIPWAY_REPOSITORY_URL": "s3://models/live", "MLFLOW_TRACKING_URI": "http://mlflow:5000"}


@pytest.fixture
def there(slipway: Slipway, api: FakeApi, tmp_path: Path) -> Slipway:
    """The command with a cluster to go to."""
    slipway.environ |= {**ENVIRON, "KUBECONFIG": str(tmp_path / "kubeconfig")}
    return slipway


def test_the_manifest_is_printed_without_a_cluster(slipway: Slipway) -> None:
    own = ("--commodity", "onion", "--allow-column", "reference", "--allow-column", "arrival")
    done = slipway.run("train", "price", *DATA, *own, "--print", **ENVIRON, KUBECONFIG="/nowhere")
    assert done.returncode == 0, done.stderr
    manifest = yaml.safe_load(done.stdout)
    assert "&id" not in done.stdout, "anchors are for no reader"
    assert manifest["kind"] == "RayJob"
    assert manifest["spec"]["entrypoint"].startswith("slipway train price --data s3://data/prices.csv")
    asked = "--allow-column reference --allow-column arrival --commodity=onion"
    assert asked in manifest["spec"]["entrypoint"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--print",), 2, "--print needs --on cluster"),
        (("--on", "moon"), 2, "'moon'"),
        (DATA, 5, "error: no cluster is configured"),
    ],
)
def test_what_cannot_be_is_refused(slipway: Slipway, words: tuple[str, ...], code: int, said: str) -> None:
    done = slipway.run("train", "price", *words, **ENVIRON, KUBECONFIG="/nowhere")
    assert done.returncode == code and said in " ".join(done.stderr.split()), done.stderr


def test_a_job_is_followed_and_its_end_is_ours(there: Slipway, api: FakeApi) -> None:
    api.states = [("Running", "RUNNING", ""), ("Complete", "SUCCEEDED", "")]
    done = there.run("train", "price", *DATA)
    assert (done.returncode, done.stdout) == (0, "one\ntwo\n"), done.stderr
    assert "Running RUNNING" in done.stderr and TOKEN not in done.stderr
    (created,) = api.created
    assert created["metadata"]["name"].startswith("train-price-")


def test_a_refusal_of_the_gate_there_is_exit_code_3_here(there: Slipway, api: FakeApi) -> None:
    api.states = [("Failed", "FAILED", "Job entrypoint command failed with exit code 3, last logs")]
    done = there.run("train", "price", *DATA, "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["exit_code"] == 3
    assert "one\ntwo\n" in done.stderr and "exit code 3" in done.stderr


def test_ctrl_c_leaves_the_job_and_says_how_to_go_on(there: Slipway, api: FakeApi) -> None:
    api.states = [("Running", "RUNNING", "")]
    process = there.begin("train", "price", *DATA)
    deadline = time.monotonic() + 60
    while sum("/log?" in line for line in api.asked) < 1:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    name = api.created[0]["metadata"]["name"]
    for command in (f"kubectl -n ml logs -f job/{name}", f"kubectl -n ml delete rayjob {name}"):
        assert command in stderr
    assert not any(line.startswith("DELETE") for line in api.asked)
