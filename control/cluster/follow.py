"""Following a job on the cluster: its states and its log, until it is over."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from control.cluster.api import Cluster, Status
from control.errors import ClusterAway, KubernetesError

__all__ = ["exit_code", "follow"]

LOOK_SECONDS = 2.0
IDLE_SECONDS = 15.0
"""After so long without a line the job's state is looked at again."""
PATIENCE = 10
"""Failures in a row, about a second apart, before following is given up."""
EXIT = re.compile(r"exit code (\d+)")


def follow(
    cluster: Cluster,
    name: str,
    write: Callable[[str], None],
    note: Callable[[str], None],
    look_seconds: float = LOOK_SECONDS,
) -> Status:
    """Pass on what the job prints and how it stands; returns how it ended.

    Raises `KubernetesError`, after `PATIENCE` failures where trying again might have helped; the job goes on then.
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
    """0 for success, else what the job's own command ended with where KubeRay tells, else 1."""
    if status.succeeded:
        return 0
    found = EXIT.search(status.message)
    return int(found[1]) % 256 or 1 if found else 1


class _Log:
    """The job's log; a stream that breaks is read again from its start, passing over lines that were shown."""

    def __init__(self, cluster: Cluster, name: str, write: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._name = name
        self._write = write
        self._pod = ""
        self._shown = 0

    def read(self) -> None:
        """What there is to read until the stream ends or falls silent."""
        pod = self._cluster.submitter(self._name)
        if not pod:
            return
        if pod != self._pod:
            self._pod, self._shown = pod, 0
        try:
            self._stream(pod)
        except KubernetesError:
            # Silent for a while, not started yet, or gone: the state tells whether it matters.
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
