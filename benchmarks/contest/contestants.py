"""Who takes part: how each is started, in which environment, and which forms of request it takes.

Each peer is set as its own documentation advises for speed, and where settings trade one load for another it takes
part once with each: its best counts, column by column.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.setup.place import BenchmarkError
from benchmarks.setup.servers import Launch, Start
from training.onnx import triton

__all__ = ["CONTESTANTS", "Contestant", "slipway"]


@dataclass(frozen=True)
class Contestant:
    """One line of the tables. `doors`: kind of request -> its form in `wire.WIRES`."""

    name: str
    about: str
    environment: str
    start: Start
    doors: Mapping[str, str]
    family: str = ""
    """Contestants of one family differ in settings only; goals compare with the best of it."""


def _module(name: str, *arguments: str) -> Callable[[Launch], list[str]]:
    return lambda launch: [str(launch.python), "-m", f"benchmarks.peers.{name}", *arguments]


def _variables(**more: str) -> Callable[[Launch], Mapping[str, str]]:
    """What `peers/model.py` reads."""
    return lambda launch: {
        "BENCH_MODEL": str(launch.model),
        "BENCH_THREADS": str(launch.threads),
        "BENCH_PORT": str(launch.http),
        **more,
    }


def slipway(replicas: int, door: str = "native", apps: Sequence[str] = ()) -> Start:
    """The real thing: `slipway up` with Ray and the gateway, every setting but these at its default.

    It serves `apps`; without them the app of the launch's model.
    """

    def variables(launch: Launch) -> Mapping[str, str]:
        own = launch.name if launch.name == "price" else f"benchmarks.apps.{launch.name}"
        return {
            "SLIPWAY_HOME": str(launch.folder),
            "SLIPWAY_MODEL_REPOSITORY": str(launch.place.repository),
            "SLIPWAY_APPS": ",".join(apps) or own,
            "SLIPWAY_REPLICAS": str(replicas),
            "SLIPWAY_DOOR": door,
            "SLIPWAY_HTTP_PORT": str(launch.http),
            "SLIPWAY_GRPC_PORT": str(launch.grpc),
            "SLIPWAY_RAY_PORT": str(launch.spare[0]),
        }

    command = [sys.executable, "-m", "control", "up", "--only", "ray", "--only", "gateway"]
    return Start(lambda launch: command, variables, is_stack=True)


def _uvicorn(application: str) -> Start:
    options = ("--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--no-access-log")
    quiet = ("--log-level", "warning", "--no-server-header", "--no-date-header")
    return Start(
        lambda launch: [
            *(str(launch.python), "-m", "uvicorn", f"benchmarks.peers.{application}"),
            *("--host", "127.0.0.1", "--port", str(launch.http), *options, *quiet),
        ],
        _variables(),
    )


def _granian() -> Start:
    options = ("--interface", "rsgi", "--workers", "1", "--loop", "uvloop", "--no-access-log")
    return Start(
        lambda launch: [
            *(str(launch.python), "-m", "granian", *options, "--log-level", "warning"),
            *("--host", "127.0.0.1", "--port", str(launch.http), "benchmarks.peers.granian_rsgi:app"),
        ],
        _variables(),
    )


def _mosec(batch: int) -> Start:
    return Start(
        lambda launch: [
            *_module("mosec_server", "--address", "127.0.0.1", "--port", str(launch.http))(launch),
            *("--log-level", "warning", "--timeout", "60000", "--capacity", "4096"),
        ],
        _variables(BENCH_BATCH=str(batch)),
    )


def _bentoml() -> Start:
    def variables(launch: Launch) -> Mapping[str, str]:
        return {
            **_variables()(launch),
            "BENTOML_HOME": str(launch.folder),
            "BENTOML_DO_NOT_TRACK": "True",
        }

    return Start(
        lambda launch: [
            *(str(launch.python), "-m", "bentoml", "serve", "benchmarks.peers.bentoml_service:Service"),
            *("--host", "127.0.0.1", "--port", str(launch.http)),
        ],
        variables,
    )


def _mlserver() -> Start:
    """In the server's own process: a worker process beside it was slower at every load."""

    def prepare(launch: Launch) -> None:
        settings = {
            "host": "127.0.0.1",
            "http_port": launch.http,
            "grpc_port": launch.grpc,
            "metrics_port": launch.spare[0],
            "parallel_workers": 0,
            "debug": False,
        }
        model = {
            "name": "m",
            "implementation": "benchmarks.peers.mlserver_runtime.Runtime",
            "max_batch_size": 64,
            "max_batch_time": 0.001,
        }
        (launch.folder / "settings.json").write_text(json.dumps(settings))
        (launch.folder / "model-settings.json").write_text(json.dumps(model))

    return Start(
        lambda launch: [str(launch.python.with_name("mlserver")), "start", str(launch.folder)],
        _variables(),
        prepare,
    )


def _triton() -> Start:
    """Both of its models; HTTP, binary tensors and gRPC are doors of one server."""

    def command(launch: Launch) -> list[str]:
        if not triton.available():
            raise BenchmarkError("Triton is not installed: pip install 'slipway[train]'")
        line = triton.command(
            model_repository=launch.place.triton,
            backends=triton.prepare_backends(launch.place.folder("backends")),
            http_port=launch.http,
            grpc_port=launch.grpc,
            metrics_port=launch.spare[0],
            control_mode="explicit",
            models=(launch.name, f"{launch.name}_errors"),
        )
        return line

    return Start(command, lambda launch: triton.environment())


def _ray(kind: str, haproxy: bool) -> Start:
    """Ray's own proxy, or HAProxy in front of replicas that take HTTP themselves and Ray's switch for throughput.

    `serve.batch` does not wait: with one client a wait of 1 ms costs just that, and many gain nothing by it.
    """

    def variables(launch: Launch) -> Mapping[str, str]:
        found = {
            **_variables()(launch),
            "BENCH_WAIT_MS": "0",
            "BENCH_RAY_FOLDER": str(launch.folder),
            # Without these it would write a token below the user's home folder.
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": f"{launch.folder}/token",
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        if haproxy:
            found |= {
                "RAY_SERVE_ENABLE_HA_PROXY": "1",
                "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
                "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{launch.folder}/haproxy.cfg",
                "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{launch.folder}/admin.sock",
                "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(launch.folder),
                "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{launch.folder}/server-state",
                "RAY_SERVE_HAPROXY_METRICS_PORT": str(launch.spare[0]),
                "RAY_SERVE_HAPROXY_STATS_PORT": str(launch.spare[1]),
            }
        return found

    def prepare(launch: Launch) -> None:
        (launch.folder / "token").write_text(secrets.token_hex(32))

    return Start(_module("ray_serve", kind), variables, prepare)


RAW = {"json": "raw"}
CONTESTANTS: dict[str, Contestant] = {
    item.name: item
    for item in (
        Contestant(
            "slipway",
            "Slipway, one gateway replica",
            "slipway",
            slipway(1),
            {"json": "slipway", "binary": "binary", "grpc": "grpc", "price": "price"},
        ),
        Contestant(
            "slipway-2",
            "Slipway, two gateway replicas",
            "slipway",
            slipway(2),
            {"json": "slipway", "binary": "binary", "grpc": "grpc"},
        ),
        Contestant(
            "slipway-ray",
            "Slipway, one gateway replica, door `ray`",
            "slipway",
            slipway(1, "ray"),
            {"json": "slipway"},
        ),
        Contestant("uvicorn", "raw ASGI on uvicorn, greedy batcher", "core", _uvicorn("rawasgi:app"), RAW),
        Contestant("granian", "the same handler, RSGI on granian", "core", _granian(), RAW),
        Contestant(
            "fastapi",
            "FastAPI, ONNX Runtime in an async handler",
            "core",
            _uvicorn("fastapi_server:app"),
            {"json": "fastapi"},
        ),
        Contestant("mosec-64", "mosec, batch 64, 1 ms", "core", _mosec(64), RAW, "mosec"),
        Contestant("mosec-8", "mosec, batch 8, 1 ms", "core", _mosec(8), RAW, "mosec"),
        Contestant("mosec-1", "mosec, no batching", "core", _mosec(1), RAW, "mosec"),
        Contestant(
            "triton",
            "Triton 2.51, no queue delay",
            "slipway",
            _triton(),
            {"json": "triton-json", "binary": "binary", "grpc": "grpc"},
        ),
        Contestant(
            "kserve",
            "KServe's Python runtime",
            "kserve",
            Start(_module("kserve_server"), _variables()),
            {"json": "kserve", "binary": "kserve-binary"},
        ),
        Contestant("mlserver", "MLServer, in process", "mlserver", _mlserver(), {"json": "mlserver-json"}),
        Contestant("litserve", "LitServe", "litserve", Start(_module("litserve_server"), _variables()), RAW),
        Contestant("bentoml", "BentoML, adaptive batching", "bentoml", _bentoml(), {"json": "bentoml"}),
        Contestant("ray", "Ray Serve: proxy, FastAPI, serve.batch", "ray", _ray("fastapi", False), RAW),
        Contestant("ray-haproxy", "Ray Serve: HAProxy, FastAPI, serve.batch", "ray", _ray("fastapi", True), RAW),
        Contestant(
            "ray-raw",
            "Ray Serve: HAProxy, raw ASGI, tuned",
            "ray",
            _ray("raw", True),
            {"json": "quiet"},
        ),
    )
}
"""By name, in the order of the tables."""
