"""`python -m control.stack.gateway`: put the Serve application on the stack's Ray and watch it.

The replicas listen for themselves; this process only deploys, says what it waits for, and takes the application
away on SIGTERM. It ends with 1 and a reason when the application becomes unhealthy.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

from control.stack import probes
from serving.kernel.settings import Settings, read
from training.fit.ray_session import listens

__all__ = ["main"]

LOOK_SECONDS = 1.0
ASK_EVERY = 3
BAD = ("UNHEALTHY", "DEPLOY_FAILED")
PATIENCE = 10
"""Looks in a row that must find the application bad: Serve mends a lost replica by itself."""


def main() -> int:
    """Deploy, watch, undeploy; returns the exit status."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    settings = read(Settings)
    address = os.environ["RAY_ADDRESS"]
    # Ray itself would try for minutes.
    if not listens(address):
        _say(f"cannot reach Ray at {address}")
        return 1
    import ray

    from serving.hosting import composition

    ray.init(address=address, namespace="slipway", log_to_driver=True)
    # After init: Ray sets handlers of its own.
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


def _watch(url: str, stopping: threading.Event) -> str:
    """Until it is time to stop (empty) or the application stays bad (the reason)."""
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
        return "the application is not there any more"
    if found.status not in BAD:
        return ""
    parts = [f"{name}: {part.status}: {part.message}" for name, part in found.deployments.items() if part.message]
    return "; ".join([found.message, *parts])


def _missing(url: str) -> str:
    """What the data plane says of versions that do not answer."""
    rows = probes.index(url)
    if rows is None:
        return "the HTTP door does not answer"
    said = [
        f"{row['name']} {row.get('version', '')}: {row.get('reason', '')}" for row in rows if row.get("reason")
    ]
    return "; ".join(said) or "no version is loaded"


def _say(text: str) -> None:
    print(f"gateway: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
