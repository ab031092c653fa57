"""The parts of the local stack: what each part needs, its command, and when it is ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from control.errors import StackError
from control.settings import StackSettings
from control.stack.files.state import COLLECTIONS, HOST, StackState
from control.stack.programs import haproxy, probes
from serving.kernel.storage.private_files import private_folder
from training.fit.ray_session import UNWATCHED, WITHOUT_SPARE_WORKERS, WORKER_MODULES

__all__ = ["NEEDS", "ORDER", "TRAINER", "Part", "build", "choose", "trainer"]

NEEDS = {"postgres": (), "mlflow": ("postgres",), "ray": (), "triton": (), "gateway": ("ray",)}
"""Which parts a part cannot do without."""
ORDER = tuple(NEEDS)
TRAINER = "trainer"
"""The program that trains missing versions. It is not a part: it ends, and no part waits for it."""
DATABASES = ("mlflow", COLLECTIONS)
MEGABYTE = 2**20
LEAST_CPUS = 8
"""Logical cores: enough for several gateway replicas and a training, on any machine."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One supervised program."""

    name: str
    command: list[str]
    address: str
    ready: Callable[[], bool]
    """Whether the part is ready. It is called repeatedly and must return quickly."""
    detail: str = ""
    """What a table says beside the address."""
    needs: tuple[str, ...] = ()
    awaits: tuple[str, ...] = ()
    """Parts that the program waits for itself; its own time to become ready counts from then on."""
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], object] = lambda: None
    """Makes files that the program needs. It is called once, before the start."""
    stop_signal: str = "TERM"
    stop_seconds: int = 15
    starts: int = 1
    """How often it may be started until it is ready."""
    is_task: bool = False
    """Whether it ends when its work is done."""
    publishes: bool = False
    """Whether it writes to the model repository, which others may read."""


def choose(only: Collection[str] = (), without: Collection[str] = ()) -> tuple[str, ...]:
    """The names of the parts to run, in order.

    Raises `StackError` for an unknown name, and for a part that needs a part that is left out.
    """
    for name in (*only, *without):
        if name not in NEEDS:
            raise StackError(f"there is no part {name!r}; there are: {', '.join(ORDER)}")
    chosen = tuple(name for name in ORDER if (not only or name in only) and name not in without)
    if not chosen:
        raise StackError("no part is left to start")
    for name in chosen:
        for need in NEEDS[name]:
            if need not in chosen:
                raise StackError(f"{name} needs {need}: leave {name} out too (--without {name}), or keep {need}")
    return chosen


def build(state: StackState, settings: StackSettings) -> dict[str, Part]:
    """The parts of a stack by name, in the order of their needs. Starts nothing."""
    makers = {"postgres": _postgres, "mlflow": _mlflow, "ray": _ray, "triton": _triton, "gateway": _gateway}
    return {name: makers[name](state, settings) for name in ORDER if name in state.parts}


def trainer(state: StackState) -> Part:
    """The program that trains what `trainings.json` lists."""
    scratch = state.run_folder / "trainer"
    return Part(
        name=TRAINER,
        command=_module("control.trainings.trainer"),
        address="",
        ready=lambda: True,
        needs=("mlflow", "ray"),
        # Below the run folder, which `slipway down` removes even if the trainer had to be killed.
        environment={"TMPDIR": str(scratch)},
        prepare=lambda: private_folder(scratch),
        # The trainer then ends the running training cleanly.
        stop_signal="INT",
        stop_seconds=20,
        is_task=True,
        publishes=True,
    )


def _postgres(state: StackState, settings: StackSettings) -> Part:
    return Part(
        name="postgres",
        command=_module("control.stack.programs.postgres", str(state.layout.postgres), str(state.postgres_socket)),
        address=state.dsn("mlflow"),
        ready=lambda: all(probes.database(state.dsn("postgres"), name) for name in DATABASES),
        # SIGINT ends the sessions of clients; SIGTERM would wait for them.
        stop_signal="INT",
    )


def _mlflow(state: StackState, settings: StackSettings) -> Part:
    options = {
        "backend-store-uri": state.dsn("mlflow", "psycopg"),
        "artifacts-destination": state.layout.artifacts.as_uri(),
        "host": HOST,
        "port": str(state.ports["mlflow_port"]),
        "workers": "1",
    }
    return Part(
        name="mlflow",
        command=_module(
            "training.registry.mlflow_server", *(f"--{name}={value}" for name, value in options.items())
        ),
        address=state.mlflow_uri,
        ready=lambda: probes.http(f"{state.mlflow_uri}/health"),
        needs=NEEDS["mlflow"],
        environment={
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            # The job runner would start a process and write to /dev/shm; it is not used here.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
    )


def _ray(state: StackState, settings: StackSettings) -> Part:
    options = {
        "node-ip-address": HOST,
        "port": str(state.ports["ray_port"]),
        "temp-dir": str(state.ray_folder),
        "num-cpus": str(settings.ray_cpus or max(LEAST_CPUS, os.cpu_count() or 1)),
        "object-store-memory": str(settings.ray_object_store_mb * MEGABYTE),
        "include-dashboard": "true" if settings.ray_dashboard_port else "false",
        "dashboard-host": HOST,
        "dashboard-port": str(settings.ray_dashboard_port or 8265),
        "dashboard-agent-listen-port": "0",
        # Any free ports. By default workers take 10002 to 19999, where a setting may have put a door.
        "min-worker-port": "0",
        "max-worker-port": "0",
    }
    return Part(
        name="ray",
        command=_module(
            "control.stack.programs.ray_start",
            *("--head", "--block", "--no-monitor", "--disable-usage-stats", "--log-color=false"),
            *(f"--{name}={value}" for name, value in options.items()),
        ),
        address=state.ray_address,
        ready=lambda: probes.ray(state.ray_folder, state.ports["ray_port"]),
        # Ray gives up its own start after 30 s, which a busy machine may need.
        starts=2,
        environment={
            "RAY_START_HOOK": "control.stack.programs.ray_hook.prepare",
            # There is no other node that could take over work.
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
            # A spare worker process would start beside Serve's controller and take a core from it.
            **WITHOUT_SPARE_WORKERS,
            **WORKER_MODULES,
            # Serve's controller would wake up ten times a second, beside the gateway.
            "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.4",
            **({} if settings.ray_dashboard_port else UNWATCHED),
            **haproxy.environment(state),
        },
    )


def _triton(state: StackState, settings: StackSettings) -> Part:
    from training.onnx import triton

    repository, backends = Path(state.model_repository), state.layout.backends

    def prepare() -> None:
        repository.mkdir(parents=True, exist_ok=True)
        triton.prepare_backends(backends)

    return Part(
        name="triton",
        command=triton.command(
            model_repository=repository,
            backends=backends,
            http_port=state.ports["triton_http_port"],
            grpc_port=state.ports["triton_grpc_port"],
            metrics_port=state.ports["triton_metrics_port"],
        ),
        address=state.triton_grpc,
        ready=lambda: probes.http(f"http://{state.triton_http}/v2/health/live"),
        # Its library for GPU metrics would write to /var/log.
        environment={**triton.environment(), "__DCGM_DBG_FILE": str(state.layout.logs / "dcgm.log")},
        prepare=prepare,
    )


def _gateway(state: StackState, settings: StackSettings) -> Part:
    return Part(
        name="gateway",
        command=_module("control.stack.programs.gateway", str(state.ray_folder)),
        address=f"http://{state.http}",
        detail=f"{state.door} door, gRPC at {state.grpc}",
        ready=lambda: probes.serves(f"http://{state.http}", state.served),
        # The gateway needs Ray but waits for it itself, and spends that time on its imports.
        awaits=NEEDS["gateway"],
        # Otherwise Ray leaves out repeated lines and adds colours.
        environment={"RAY_DEDUP_LOGS": "0", "RAY_COLOR_PREFIX": "0", **haproxy.environment(state)},
        stop_seconds=30,
    )


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", name, *arguments]
