"""The Ray for training: the one that the environment names, or a private one for as long as needed."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from training.errors import RayUnavailable
from training.fit import idle_agent
from training.fit.scratch import scratch

__all__ = [
    "UNWATCHED",
    "WITHOUT_SPARE_WORKERS",
    "WORKER_MODULES",
    "address",
    "connected",
    "environment",
    "listens",
    "on_this_machine",
    "set_token",
]

LONGEST_TEMP_DIR = 40
"""Ray adds about 60 characters to the path for its Unix sockets, whose paths have at most 107 bytes."""
UNWATCHED = {
    "REPORTER_UPDATE_INTERVAL_MS": "60000",
    "METRICS_RECORD_INTERVAL_S": "60",
    "RAY_enable_metrics_collection": "0",
    "RAY_task_events_report_interval_ms": "0",
}
"""For a Ray without a dashboard: nobody reads what its processes would measure and report every few seconds."""
WITHOUT_SPARE_WORKERS = {"RAY_prestart_worker_first_driver": "0", "RAY_enable_worker_prestart": "0"}
"""A worker process starts when a task or an actor needs it; each imports for a second."""
WORKER_MODULES = {
    "RAY_preload_python_modules": "serving.hosting.serve_without_pandas,training.fit.exit_of_workers"
}
"""Workers import these modules first: see what they say."""
OBJECT_STORE_BYTES = 512 * 2**20
SETTINGS = {
    # This will be Ray's default; without it every start warns.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    **WITHOUT_SPARE_WORKERS,
    **WORKER_MODULES,
    **UNWATCHED,
}
SECONDS = 2.0
END_SECONDS, END_LOOK_SECONDS = 10.0, 0.02
ATTEMPTS = 2
"""Ray's start times out after 30 s, which a busy machine may exceed."""


def address() -> str:
    """`SLIPWAY_RAY_ADDRESS`, else `RAY_ADDRESS`, else empty for a private Ray."""
    return os.environ.get("SLIPWAY_RAY_ADDRESS") or os.environ.get("RAY_ADDRESS", "")


def on_this_machine() -> bool:
    """Whether a Ray would be on this machine alone: a private one, or that of the local stack.

    `SLIPWAY_RAY_ADDRESS` asks for a Ray wherever it is.
    """
    return not os.environ.get("SLIPWAY_RAY_ADDRESS") and (not address() or address().startswith("127.0.0.1:"))


def listens(endpoint: str) -> bool:
    """Whether host:port accepts connections. Ray itself would try for minutes."""
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
    except OSError:
        return False
    return True


@contextmanager
def connected(cpus: int, storage: Path) -> Iterator[None]:
    """Connect this process to Ray for the block.

    A private Ray listens on loopback and has `cpus` logical cores; it ends with the block, and its files are
    removed. If the process is already connected, that Ray is used and left running. Raises `RayUnavailable`.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    set_token()
    import ray

    if ray.is_initialized():
        yield
        return
    if address():
        # Other forms of the address, such as `auto`, have no port to check.
        if ":" in address() and not listens(address().removeprefix("ray://")):
            raise RayUnavailable(
                f"nothing answers at {address()}; start Ray there, or correct SLIPWAY_RAY_ADDRESS or RAY_ADDRESS"
            )
        _start(f"reached at {address()}", address=address(), configure_logging=False)
        try:
            yield
        finally:
            _stay()
            ray.shutdown()
        return
    with scratch("ray-", _short(storage)) as folder:
        try:
            with _only_what_is_used():
                _start(
                    "started",
                    address="local",
                    num_cpus=cpus,
                    num_gpus=0,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _node_ip_address="127.0.0.1",
                    _temp_dir=str(folder),
                )
            yield
        finally:
            _stay()
            _end()


def _stay() -> None:
    """Let what follows take its time: Ray's handler of SIGTERM sets an alarm that aborts the process after 3 s."""
    signal.alarm(0)


def _end() -> None:
    """Disconnect from a private Ray, and end all of its processes: some outlive their raylet by seconds."""
    import ray

    raylets = [one for one in psutil.Process().children() if _name(one) == "raylet"]
    started = [one for raylet in raylets for one in _children(raylet)]
    try:
        ray.shutdown()
    finally:
        for one in started:
            with suppress(psutil.Error):
                one.kill()
        patience = time.monotonic() + END_SECONDS
        while any(map(_runs, started)) and time.monotonic() < patience:
            time.sleep(END_LOOK_SECONDS)


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def _runs(process: psutil.Process) -> bool:
    """Whether it lives; who should remove a zombie may have ended before it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _start(what: str, **options: Any) -> None:
    """Call `ray.init`, with retries. Raises `RayUnavailable`."""
    import ray

    for attempt in range(1, ATTEMPTS + 1):
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
            return
        except Exception as cause:  # ray.init raises no common class of errors
            ray.shutdown()
            if attempt == ATTEMPTS:
                reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
                raise RayUnavailable(f"Ray could not be {what}: {reason[:300]}") from cause


@contextmanager
def _only_what_is_used() -> Iterator[None]:
    """Keep Ray from starting an autoscaler, a copier of logs, a dashboard and its agent, which nobody asks for.

    `ray.init` has no option for them. Each is a process that imports for a second and then polls. Nor does Ray
    open its folder to every user of the machine, as it would; what its agent opens lies below.
    """
    from ray._common import utils
    from ray._private import services
    from ray._private.node import Node

    unused = ("start_monitor", "start_log_monitor", "start_api_server")
    command = idle_agent.chosen(getattr(services, idle_agent.COMMAND))
    changes = [(Node, name, _do_nothing) for name in unused] + [
        (utils, "try_make_directory_shared", _do_nothing),
        (services, idle_agent.COMMAND, command),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    for owner, name, function in changes:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def _do_nothing(*_: object, **__: object) -> None:
    pass


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process, and of a private Ray that it starts, for the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def set_token() -> None:
    """Set a token for Ray, which every connection must present. Otherwise Ray writes one into the home folder.

    Ray reads the token when it is imported: call this before an import that precedes the first `connected`.
    """
    if not os.environ.get("RAY_AUTH_TOKEN") and not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _short(storage: Path) -> Path | None:
    """The parent of Ray's folder: `storage`, or None (the system's temporary folder) when its path is too long."""
    short = len(str(storage.resolve())) + len("/ray-12345678") <= LONGEST_TEMP_DIR
    return storage if short else None
