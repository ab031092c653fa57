"""Jobs around an installation: `helm test` really run, and none that waits for what waits for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from control.charts.render import key, render
from serving.kernel.find_app import find_apps
from tests.charts.chart import EACH, SETS, objects, of_kind, pods, value_set
from tests.charts.operators.made import make
from tests.charts.operators.network import Pod, allowed
from tests.loopback import Handler, Loopback

HOOK, ARGO = "helm.sh/hook", "argocd.argoproj.io/hook"


class Gateways(Loopback):
    """Ready but for one app."""

    def handler(self) -> type[Handler]:
        class Answers(Handler):
            def do_GET(self) -> None:
                self.send_response(503 if "fraud" in self.path else 200)
                self.send_header("content-length", "0")
                self.end_headers()

        return Answers


@pytest.mark.parametrize(("left_out", "code"), [("", 1), ("fraud", 0)])
def test_the_test_asks_every_app_and_names_those_that_are_not_ready(left_out: str, code: int) -> None:
    job = of_kind(EACH, "Job")["slipway-test"]
    assert job["metadata"]["annotations"][HOOK] == "test"
    ((container,),) = (pod["containers"] for pod in pods(job))
    urls = container["args"]
    assert urls == [f"http://slipway-{app.name}/v2/models/{app.name}/ready" for app in find_apps()]
    with Gateways() as there:
        asked = [
            url.replace("http://slipway-", f"{there.url}/") for url in urls if not left_out or left_out not in url
        ]
        command = [sys.executable, *container["command"][1:], *asked]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\nready ") + done.stdout.startswith("ready ") == len(urls) - 1
    assert ("1 of 7 are not ready" in done.stderr) == bool(code)


def test_the_test_asks_canaries_too() -> None:
    ((container,),) = (pod["containers"] for pod in pods(of_kind(value_set("production"), "Job")["slipway-test"]))
    assert "http://slipway-fraud-canary/v2/models/fraud/ready" in container["args"]
    assert "slipway-test" not in of_kind({"groupPerApp": False}, "Job"), "there is nobody to ask"


@pytest.mark.parametrize("name", SETS)
def test_the_test_reaches_gateways_and_nothing_else(name: str) -> None:
    release = make(objects(value_set(name)).values())
    policies = [*of_kind(value_set(name), "NetworkPolicy").values()]
    (test,) = release.of("test")
    for gateway in release.of("gateway"):
        assert allowed(policies, test, gateway, 8080) and not allowed(policies, test, gateway, 8081)
    assert not allowed(policies, test, Pod("away", {}, "elsewhere"), 443)
    hooks = {item["metadata"]["name"] for item in policies if HOOK in item["metadata"].get("annotations", {})}
    assert hooks == {"slipway-test", "slipway-test-gateways"}, "they are there only while it runs"


@pytest.mark.parametrize("name", SETS)
def test_nothing_waits_in_argo_cd_for_what_waits_for_it(name: str) -> None:
    """Gateways are healthy only with a version, MLflow only with its tables: hooks around them would hang."""
    for item in render(value_set(name)):
        annotations = item["metadata"].get("annotations", {})
        if HOOK in annotations and annotations[HOOK] != "test":
            assert annotations[ARGO] == "Sync", key(item)
        assert "argocd.argoproj.io/sync-wave" not in annotations, key(item)
