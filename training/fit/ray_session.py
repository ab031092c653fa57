"""The Ray that training runs on: the one the environment names, or a private one while it is needed."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training.errors import ClusterError
from training.fit.scratch import scratch

__all__ = ["address", "connected", "environment", "listens", "set_token"]

LONGEST_TEMP_DIR = 40
"""Ray puts unix sockets about 60 characters below its folder, and a socket's path has at most 107 bytes."""
OBJECT_STORE_BYTES = 512 * 2**20
SECONDS = 2.0
ATTEMPTS = 2
"""Ray gives its own start up after 30 s, which a busy machine may need."""


def address() -> str:
    """`SLIPWAY_RAY_ADDRESS`, else `RAY_ADDRESS`, else empty: a private Ray."""
    return os.environ.get("SLIPWAY_RAY_ADDRESS") or os.environ.get("RAY_ADDRESS", "")


def listens(place: str) -> bool:
    """Whether somebody accepts connections at host:port. Ray itself would try for minutes."""
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
    except OSError:
        return False
    return True


@contextmanager
def connected(cpus: int, storage: Path) -> Iterator[None]:
    """Be connected to Ray inside the block.

    A private Ray listens on loopback, reserves `cpus` logical cores and is gone with its files at the end of the
    block. A Ray this process is connected to already is used and left alone. Raises `ClusterError`.
    """
    # Ray's coming default; without it every start warns.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    set_token()
    import ray

    if ray.is_initialized():
        yield
        return
    if address():
        # Ray's other forms, such as `auto`, have no port to knock at.
        if ":" in address() and not listens(address().removeprefix("ray://")):
            raise ClusterError(
                f"nobody answers at {address()}, where SLIPWAY_RAY_ADDRESS or RAY_ADDRESS says Ray is"
            )
        _start(f"reached at {address()}", address=address(), configure_logging=False)
        try:
            yield
        finally:
            ray.shutdown()
        return
    with scratch("ray-", _short(storage)) as folder:
        try:
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
            ray.shutdown()


def _start(what: str, **options: Any) -> None:
    """`ray.init`, again if it fails. Raises `ClusterError`."""
    import ray

    for attempt in range(1, ATTEMPTS + 1):
        try:
            ray.init(log_to_driver=False, logging_level="ERROR", **options)
            return
        except Exception as cause:  # Ray raises no class of its own here
            ray.shutdown()
            if attempt == ATTEMPTS:
                reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
                raise ClusterError(f"Ray could not be {what}: {reason[:300]}") from cause


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Variables of this process, and of a private Ray that starts in it, inside the block."""
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
    """Ray asks whoever connects for a token; without one of ours it would write one into the home folder.

    It looks when it is imported: who imports it before the first `connected` calls this before.
    """
    if not os.environ.get("RAY_AUTH_TOKEN") and not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _short(storage: Path) -> Path | None:
    """Where Ray's folder may be: in `storage`, or else in the system's place for such."""
    short = len(str(storage.resolve())) + len("/ray-12345678") <= LONGEST_TEMP_DIR
    return storage if short else None
