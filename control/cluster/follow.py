"""Follow a job on the cluster, its state and its log, until it ends."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from control.cluster.api import Cluster, Status
from control.errors import ClusterAway, KubernetesError

__all__ = ["exit_code", "follow"]

LOOK_SECONDS = 2.0
IDLE_SECONDS = 15.0
"""Time without a line of log after which the job's state is read again."""
PATIENCE = 10
"""Number of consecutive failures, about a second apart, before `follow` gives up."""
EXIT = re.compile(r"exit code (\d+)")


def follow(
    cluster: Cluster,
    name: str,
    write: Callable[[str], None],
    note: Callable[[str], None],
    look_seconds: float = LOOK_SECONDS,
) -> Status:
    """Pass on the job's log and its changes of state until it ends, and return its last state.

    Raises `KubernetesError`; errors that may pass are tolerated `PATIENCE` times in a row. The job then continues.
    """
    log = _Log(cluster, name, write)
    said, failures = "", 0
    while True:
        try:
            status = cluster.status(name)
            state = " ".join(word for word in (status.deployment, status.job) if word)
            if state and state != said:
                note(f"{name}: {state}")
                said = state
            log.read()
            failures = 0
        except ClusterAway:
            failures += 1
            if failures >= PATIENCE:
                raise
            time.sleep(look_seconds / 2)
            continue
        if status.over:
            return status
        time.sleep(look_seconds)


def exit_code(status: Status) -> int:
    """Return 0 for success, else the exit code of the job's command if KubeRay reports it, else 1."""
    if status.succeeded:
        return 0
    found = EXIT.search(status.message)
    return int(found[1]) % 256 or 1 if found else 1


class _Log:
    """The job's log. A broken stream is read again from its start, without the lines that were shown."""

    def __init__(self, cluster: Cluster, name: str, write: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._name = name
        self._write = write
        self._pod = ""
        self._shown = 0

    def read(self) -> None:
        """Show the log until the stream ends or is silent."""
        pod = self._cluster.submitter(self._name)
        if not pod:
            return
        if pod != self._pod:
            self._pod, self._shown = pod, 0
        try:
            self._stream(pod)
        except KubernetesError:
            # The pod is silent, has not started or is gone. The job's state tells whether that matters.
            return

    def _stream(self, pod: str) -> None:
        count, rest = 0, b""
        with self._cluster.log(pod, IDLE_SECONDS) as chunks:
            for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    count += 1
                    self._show(count, line)
        if rest:
            self._show(count + 1, rest)

    def _show(self, number: int, line: bytes) -> None:
        if number > self._shown:
            self._write(line.decode(errors="replace") + "\n")
            self._shown = number
