"""A real Triton that can be killed and started again on the same ports, with models of one input and output."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from serving.kernel.tensors import TensorSpec
from tests.processes import command_line
from training.onnx import triton


def publish(
    repository: Path, name: str, make: Callable[[Path], Path], x: TensorSpec, y: TensorSpec, max_rows: int = 4096
) -> None:
    """Put version 1 of a model and its config.pbtxt into a repository."""
    folder = repository / name / "1"
    folder.mkdir(parents=True)
    make(folder / "model.onnx")
    (repository / name / "config.pbtxt").write_text(
        f'name: "{name}" backend: "onnxruntime" max_batch_size: {max_rows}\n'
        f"input [{_tensor(x)}] output [{_tensor(y)}]\n"
        "instance_group [{ count: 1 kind: KIND_CPU }] dynamic_batching { }\n"
    )


def _tensor(spec: TensorSpec) -> str:
    kind = "STRING" if spec.datatype == "BYTES" else spec.datatype
    return f'{{ name: "{spec.name}" data_type: TYPE_{kind} dims: {list(spec.shape[1:])} }}'


PORT_TRIES = 3


class Server:
    """One Triton; `url` is host:port of its gRPC door."""

    def __init__(
        self, repository: Path, folder: Path, control_mode: str = "none", options: Sequence[str] = ()
    ) -> None:
        self._repository, self._control_mode, self._options = repository, control_mode, options
        self._backends = triton.prepare_backends(folder / "backends")
        self._log = folder / "triton.log"
        self._started = False
        self.process: subprocess.Popen[bytes]
        self._choose_ports()

    def _choose_ports(self) -> None:
        self._http, grpc, metrics = triton.free_ports(3)
        self.url = f"127.0.0.1:{grpc}"
        command = triton.command(self._repository, self._backends, self._http, grpc, metrics, self._control_mode)
        self._command = [*command, *self._options]

    def start(self) -> None:
        """Start and wait until it is ready. At the first start, another program may take one of the ports."""
        for _ in range(0 if self._started else PORT_TRIES):
            try:
                self._start()
            except AssertionError as failure:
                if "already in use" not in str(failure):
                    raise
                self._choose_ports()
            else:
                self._started = True
                return
        self._start()

    def _start(self) -> None:
        with self._log.open("ab") as stream:
            self.process = subprocess.Popen(
                self._command,
                env={**os.environ, **triton.environment()},
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._http}/v2/health/ready", timeout=1):
                    return
            except (http.client.HTTPException, OSError):
                assert self.process.poll() is None, self._log.read_text(errors="replace")
                assert time.monotonic() < end
                time.sleep(0.05)

    def hang(self) -> None:
        """Stop all its threads; returns when none of them runs any more, which a signal alone does not promise."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        """Let it go on after `hang`."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without warning, as its machine would: with the processes of its Python backend."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        shared = [word for child in children for word in command_line(child).split() if "_shm_region_" in word]
        self.process.kill()
        self.process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        for name in shared:
            (Path("/dev/shm") / name).unlink(missing_ok=True)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=120)
