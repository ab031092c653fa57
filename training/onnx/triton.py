"""The Triton server from the wheel: how to start it, and a private server for parity.

The wheel `nvidia-pytriton` contains the server and its Python backend, but no ONNX Runtime backend.
`triton_backend/model.py` replaces that one under the same name.
"""

from __future__ import annotations

import ctypes
import http.client
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

from training.errors import TrainingError

__all__ = ["TritonError", "available", "command", "environment", "free_ports", "prepare_backends", "running"]

START_SECONDS = 60.0
PORT_TRIES = 3
KILL_SECONDS = 10.0
REGION = "/dev/shm/"  # noqa: S108 - where the server's processes share memory
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class TritonError(TrainingError):
    """Triton is not installed, or did not start. The message contains the end of its log."""


def available() -> bool:
    """Whether the wheel with the server is installed."""
    return importlib.util.find_spec("pytriton") is not None


def prepare_backends(folder: Path) -> Path:
    """Install the backends `python` and `onnxruntime` into `folder`. Calling it again changes nothing.

    Returns the value for `--backend-directory`. Raises `TritonError` when the wheel is not installed.
    """
    wheel = _wheel()
    python = folder / "python"
    python.mkdir(parents=True, exist_ok=True)
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = wheel / "python_backend_stubs" / minor / "triton_python_backend_stub"
    if not stub.exists():
        raise TritonError(f"Triton's wheel has no stub for Python {minor}; use Python 3.11 or 3.12")
    for source in (*(wheel / "backends" / "python").iterdir(), stub):
        if source.is_file():
            _refresh(source, python / source.name)
    target = folder / "onnxruntime"
    target.mkdir(exist_ok=True)
    _refresh(Path(__file__).parent / "triton_backend" / "model.py", target / "model.py")
    return folder


def binary() -> Path:
    """The server's executable. Raises `TritonError` when the wheel is not installed."""
    return _wheel() / "bin" / "tritonserver"


def command(
    model_repository: Path,
    backends: Path,
    http_port: int,
    grpc_port: int,
    metrics_port: int,
    control_mode: str = "poll",
    poll_seconds: int = 1,
    models: Sequence[str] = (),
    host: str = "127.0.0.1",
) -> list[str]:
    """The command line of the server. In control mode `explicit`, it loads `models` at the start."""
    line = [
        str(binary()),
        f"--model-repository={model_repository}",
        f"--backend-directory={backends}",
        f"--http-address={host}",
        f"--http-port={http_port}",
        f"--grpc-address={host}",
        f"--grpc-port={grpc_port}",
        f"--metrics-address={host}",
        f"--metrics-port={metrics_port}",
        f"--model-control-mode={control_mode}",
        "--disable-auto-complete-config",
        # A private server must fail fast; a polling server must survive a bad version.
        f"--exit-on-error={str(control_mode == 'none').lower()}",
        "--log-verbose=0",
    ]
    if control_mode == "poll":
        line.append(f"--repository-poll-secs={poll_seconds}")
    return line + [f"--load-model={name}" for name in models]


def environment() -> dict[str, str]:
    """Environment variables with which the server finds its libraries, and its Python backend the packages.

    The backend's interpreter ignores PYTHONPATH and uses the packages of the first `python3` on the PATH.
    """
    site = sysconfig.get_path("purelib")
    libraries = [sysconfig.get_config_var("LIBDIR") or "", f"{site}/nvidia_pytriton.libs"]
    return {
        "LD_LIBRARY_PATH": ":".join(filter(None, [*libraries, os.environ.get("LD_LIBRARY_PATH", "")])),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        # Otherwise a library of Triton writes a log to /var.
        "__DCGM_DBG_FILE": os.devnull,
    }


def free_ports(count: int) -> list[int]:
    """`count` different loopback ports that are free at this moment."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def running(model_repository: Path, timeout: float = START_SECONDS) -> Iterator[str]:
    """Serve a model repository during the block; yields host:port of the gRPC endpoint.

    Raises `TritonError` with the end of the log when the server is not ready within `timeout` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-triton-") as folder:
        server, grpc = _start(model_repository, Path(folder), timeout)
        try:
            yield f"127.0.0.1:{grpc}"
        finally:
            _stop(server)


def _start(model_repository: Path, folder: Path, timeout: float) -> tuple[subprocess.Popen[bytes], int]:
    """A ready server and its gRPC port. Tries other ports when another program takes one first."""
    backends = prepare_backends(folder / "backends")
    log = folder / "triton.log"
    tries = PORT_TRIES
    while True:
        http, grpc, metrics = free_ports(3)
        with log.open("wb") as stream:
            server = subprocess.Popen(  # noqa: S603 - the wheel's own binary
                command(model_repository, backends, http, grpc, metrics, control_mode="none"),
                env={**os.environ, **environment()},
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                preexec_fn=_die_with_parent,
            )
        try:
            _await_ready(server, f"http://127.0.0.1:{http}/v2/health/ready", log, timeout)
        except BaseException as error:  # the server must not outlive its start, also after Ctrl-C
            _stop(server)
            tries -= 1
            if tries and _is_worth_another_try(error):
                continue
            raise
        return server, grpc


def _is_worth_another_try(error: BaseException) -> bool:
    """A port that another program took, or a start that hung, which rarely happens."""
    text = str(error) if isinstance(error, TritonError) else ""
    return "already in use" in text or "was not ready after" in text


def _die_with_parent() -> None:
    """In the child: ask Linux for SIGTERM when the process that started it is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _await_ready(server: subprocess.Popen[bytes], url: str, log: Path, timeout: float) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if server.poll() is not None:
            raise TritonError(f"Triton exited with code {server.returncode}; its log ends:\n{_tail(log)}")
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback
                return
        except (http.client.HTTPException, OSError):
            time.sleep(0.05)
    raise TritonError(f"Triton was not ready after {timeout:.0f} s; its log ends:\n{_tail(log)}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Kill the server and its models' processes. It has nothing to save, and its own end takes three seconds."""
    try:
        processes = psutil.Process(server.pid).children(recursive=True)
        regions = {item.path for item in psutil.Process(server.pid).memory_maps() if REGION in item.path}
    except psutil.Error:  # it has ended by itself
        processes, regions = [], set()
    server.kill()
    server.wait()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, KILL_SECONDS)
    for region in regions:
        Path(region).unlink(missing_ok=True)


def _tail(log: Path, lines: int = 200) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _wheel() -> Path:
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise TritonError(
            "Triton is not installed: pip install 'slipway[train]', or leave it out with --without triton"
        )
    return Path(spec.origin).parent / "tritonserver"


def _refresh(source: Path, target: Path) -> None:
    """Copy when size or time differ. Renaming it into place keeps a running server from seeing half a file."""
    made = target.stat() if target.exists() else None
    wanted = source.stat()
    if made and (made.st_size, made.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns):
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy2(source, partial)
    partial.replace(target)
