"""Write what Triton serves into the status of its InferenceService, from inside the cluster.

The condition `VersionsServed` stands beside KServe's own conditions, which say whether the service is ready. Only
the subresource `status` of one object is read and patched.
"""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from control.errors import CommandError
from control.triton.follow import Served

__all__ = ["Status", "StatusError", "in_cluster"]

CONDITION = "VersionsServed"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SECONDS = 10.0
TRIES = 3
"""Another pod, or KServe, may change the status at the same time."""
CONFLICT = 409
MOST = 1024
"""Characters of the message."""


class StatusError(CommandError):
    """The status could not be written; another attempt may succeed."""

    exit_code = 5


class Status:
    """The status of one InferenceService."""

    def __init__(self, server: str, namespace: str, name: str, account: Path = ACCOUNT) -> None:
        """`server` is the URL of the API server; `account` has the files `token` and `ca.crt`."""
        path = f"apis/serving.kserve.io/v1beta1/namespaces/{namespace}/inferenceservices/{name}/status"
        self._url = f"{server}/{path}"
        self._account = account

    def write(self, served: Sequence[Served]) -> None:
        """Replace the condition if it says something else. Raises `StatusError`."""
        for left in reversed(range(TRIES)):
            found = self._ask("GET")
            condition = _condition(served)
            there = {one["type"]: one for one in found.get("status", {}).get("conditions") or ()}.get(
                CONDITION, {}
            )
            if {**there, "lastTransitionTime": ""} == {**condition, "lastTransitionTime": ""}:
                return
            before = [one for one in found.get("status", {}).get("conditions") or () if one["type"] != CONDITION]
            patch = {
                # Without it, a condition that KServe has just written would be lost.
                "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
                "status": {"conditions": [*before, condition]},
            }
            try:
                self._ask("PATCH", patch)
                return
            except StatusError as error:
                if not left or not isinstance(error.__cause__, urllib.error.HTTPError):
                    raise
                if error.__cause__.code != CONFLICT:
                    raise

    def _ask(self, method: str, body: Any = None) -> Any:
        # Read each time, because the token is renewed.
        headers = {"authorization": f"Bearer {(self._account / 'token').read_text().strip()}"}
        if body is not None:
            headers["content-type"] = "application/merge-patch+json"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url, data, headers, method=method)  # noqa: S310 - the API server
        authority = self._account / "ca.crt"
        context = ssl.create_default_context(cafile=str(authority)) if self._url.startswith("https:") else None
        try:
            # No proxy is between a pod and its API server.
            handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
            with urllib.request.build_opener(*handlers).open(request, timeout=SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(MOST).decode(errors="replace")
            raise StatusError(f"cannot {method} {self._url}: {error.code} {_message(said)}") from error
        except (OSError, ValueError, HTTPException) as error:
            raise StatusError(f"cannot {method} {self._url}: {error}") from error


def in_cluster(name: str) -> Status:
    """The InferenceService of that name in this pod's namespace. Raises `StatusError` outside a cluster."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    try:
        namespace = (ACCOUNT / "namespace").read_text().strip()
    except OSError as cause:
        raise StatusError(f"--inference-service works inside a cluster only: {cause}") from cause
    return Status(f"https://{f'[{host}]' if ':' in host else host}:{port}", namespace, name)


def _condition(served: Sequence[Served]) -> dict[str, str]:
    problems = [f"{one.model}: {one.problem}" for one in served if one.problem]
    models = [f"{one.model} {', '.join(map(str, one.versions))}" for one in served if one.versions]
    return {
        "type": CONDITION,
        "status": "False" if problems else "True",
        "severity": "Info",
        "reason": "Behind" if problems else "Current",
        "message": "; ".join(models + problems)[:MOST] or "no version",
        "lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
