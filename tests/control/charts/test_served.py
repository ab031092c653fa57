"""What the chart tells Ray Serve really serves, told as KubeRay tells it: a config with an import path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.charts.chart import of_kind, variables
from tests.serving.toy import write_version

SCRIPT = """
import json, sys, urllib.request
import ray
from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

config, url, temporary = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
# A node as the chart's worker groups have them.
node = {"num_cpus": 2, "resources": {"gateway": 1}, "include_dashboard": False, "_temp_dir": temporary}
ray.init(**node, log_to_driver=False, logging_level="error")
serve.start(proxy_location=config["proxy_location"])
_get_global_client().deploy_apps(ServeDeploySchema.model_validate(config), _blocking=True)
found = serve.status().applications["slipway"]
replicas = {name: sum(each.replica_states.values()) for name, each in found.deployments.items()}
with urllib.request.urlopen(url, timeout=30) as answer:
    print("found", json.dumps([found.status, replicas, answer.status]))
serve.shutdown()
ray.shutdown()
"""


@pytest.mark.slow
def test_the_serve_config_brings_a_gateway_that_answers(tmp_path: Path, root: Path, unused_port: int) -> None:
    values = {
        "groupPerApp": False,
        "groups": {"toy": {"apps": ["tests.serving.inference.toy"]}},
        "gateway": {"httpPort": unused_port, "noticeSeconds": 3},
    }
    (service,) = of_kind(values, "RayService").values()
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    (container,) = service["spec"]["rayClusterConfig"]["workerGroupSpecs"][0]["template"]["spec"]["containers"]
    write_version(tmp_path / "models", 1)
    (tmp_path / "metrics").mkdir()
    own = {
        "SLIPWAY_HOST": "127.0.0.1",
        "SLIPWAY_HOME": str(tmp_path / "home"),
        "SLIPWAY_MODEL_REPOSITORY": str(tmp_path / "models"),
        "SLIPWAY_NOTICE_SECONDS": "0",
        "SLIPWAY_GRPC_PORT": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "PYTHONPATH": str(root),
    }
    environment = {**os.environ, **variables(container), **own}
    url = f"http://127.0.0.1:{unused_port}/v2/models/toy"
    # Sockets have short paths.
    with tempfile.TemporaryDirectory(prefix="s-", dir="/tmp") as folder:
        command = [sys.executable, "-c", SCRIPT, json.dumps(config), url, folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    (found,) = (line for line in done.stdout.splitlines() if line.startswith("found"))
    assert json.loads(found.removeprefix("found")) == ["RUNNING", {"gateway": 1}, 200]
    assert any((tmp_path / "metrics").iterdir()), "replicas write their metrics where the pod says"
