"""`python -m control.stack.programs.gateway [FOLDER]`: put the Serve application on the stack's Ray and watch it.

FOLDER is Ray's, which this process waits for. The replicas listen for themselves; this process only deploys, says
what it waits for, and takes the application away on SIGTERM. It ends with 1 and a reason when the application has
no replica left and none is starting. A lost replica among others is for Ray Serve to replace.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from control.settings import StackSettings
from control.stack.programs import probes
from serving.kernel.settings import Settings, read
from training.fit.ray_session import listens

if TYPE_CHECKING:
    from ray.serve.schema import DeploymentStatusOverview

__all__ = ["main"]

LOOK_SECONDS = 1.0
RAY_LOOK_SECONDS = 0.1
ASK_EVERY = 3
BAD = ("UNHEALTHY", "DEPLOY_FAILED")
ALIVE = ("RUNNING", "STARTING", "UPDATING", "RECOVERING", "PENDING_MIGRATION")
"""States of a replica that answers or will."""
PATIENCE = 10
"""Checks in a row that find no replica alive before the application counts as bad."""


def main(ray_folder: Path | None = None) -> int:
    """Wait for Ray, deploy, watch, undeploy; returns the exit status."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    settings = read(Settings)
    # Longer than `slipway up` allows Ray: that command then names Ray, which is to blame.
    patience = 2 * read(StackSettings).start_seconds
    address = os.environ["RAY_ADDRESS"]
    unreachable = f"cannot reach Ray at {address}; `slipway status` shows why it does not run"
    # Ray itself would try for minutes to reach a node that is not there.
    if ray_folder is None and not listens(address):
        _say(unreachable)
        return 1
    from serving.hosting import serve_without_pandas

    serve_without_pandas.install()
    # Imported while Ray starts, although some of it is used later only.
    import ray
    import ray.serve

    from serving.hosting import composition, ray_graph  # noqa: F401

    if ray_folder is not None and not _await_ray(address, ray_folder, patience):
        _say(unreachable)
        return 1
    ray.init(address=address, namespace="slipway", log_to_driver=True)
    # After init, because Ray sets its own handlers.
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        composition.deploy(settings)
        _say("deployed")
        reason = _watch(f"http://127.0.0.1:{settings.http_port}", stopping)
        if reason:
            _say(f"unhealthy: {reason}")
            return 1
    except RuntimeError as error:
        _say(f"cannot deploy: {error}")
        return 1
    finally:
        composition.undeploy()
        ray.shutdown()
    _say("undeployed")
    return 0


def _await_ray(address: str, folder: Path, seconds: float) -> bool:
    """Wait until the node of that folder is up."""
    deadline = time.monotonic() + seconds
    port = int(address.rpartition(":")[2])
    while not probes.ray(folder, port):
        if time.monotonic() > deadline:
            return False
        time.sleep(RAY_LOOK_SECONDS)
    return True


def _watch(url: str, stopping: threading.Event) -> str:
    """Return when it is time to stop (empty) or when the application stays bad (the reason)."""
    said, bad, looks = "", 0, 0
    while not stopping.wait(LOOK_SECONDS):
        looks += 1
        reason = _bad_reason()
        bad = bad + 1 if reason else 0
        if bad >= PATIENCE:
            return reason
        ready = probes.http(f"{url}/v2/health/ready")
        if not ready and looks % ASK_EVERY:
            continue
        now = "ready" if ready else f"not ready: {_missing(url)}"
        if now != said:
            _say(now)
            said = now
    return ""


def _bad_reason() -> str:
    from ray import serve

    from serving.hosting.composition import APPLICATION

    found = serve.status().applications.get(APPLICATION)
    if found is None:
        return "the application no longer exists"
    if found.status not in BAD or _alive(found.deployments):
        return ""
    parts = [f"{name}: {part.status}: {part.message}" for name, part in found.deployments.items() if part.message]
    return "; ".join([found.message, *parts])


def _alive(deployments: Mapping[str, DeploymentStatusOverview]) -> bool:
    """Whether a replica of the gateway answers, or is starting."""
    from serving.hosting.ray_graph import GATEWAY

    gateway = deployments.get(GATEWAY)
    return gateway is not None and any(gateway.replica_states.get(state, 0) for state in ALIVE)


def _missing(url: str) -> str:
    """What the data plane says of versions that do not answer."""
    rows = probes.index(url)
    if rows is None:
        return "the HTTP door does not answer"
    return probes.reasons(rows) or "an app has no version yet"


def _say(text: str) -> None:
    print(f"gateway: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
