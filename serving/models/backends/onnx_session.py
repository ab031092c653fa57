"""Opens ONNX Runtime sessions: execution providers, threads, and the cache of optimised graphs."""

from __future__ import annotations

import hashlib
import io
import logging
import platform
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as native

from serving.kernel.cpu_quota import cpu_count
from serving.models.backends.graph_cache import GraphCache

__all__ = ["ENGINE_ERRORS", "LARGE", "PROVIDERS", "Sessions"]

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
LARGE = 4 * 2**20
"""The size in bytes from which an optimised graph is cached; smaller models open as fast without a cache."""

GRAPH = "model.onnx"
WEIGHTS = "weights.bin"
LAYOUT = "2"
"""The version of the entries' layout; entries with another one are not found."""
ENGINE_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    native.EPFail,
    native.EngineError,
    native.Fail,
    native.InvalidArgument,
    native.InvalidGraph,
    native.InvalidProtobuf,
    native.NoModel,
    native.NoSuchFile,
    native.NotImplemented,
    native.RuntimeException,
)
"""The errors of opening and running a session; ONNX Runtime's errors have no common base class."""

log = logging.getLogger("serving.models.backends.onnx_session")

Provider = tuple[str, dict[str, str]]
CPU: Provider = (PROVIDERS["cpu"], {})


class Sessions:
    """Opens sessions by the settings. Blocking; may be used by several threads."""

    def __init__(self, providers: Sequence[str] = ("cpu",), cache: Path | None = None) -> None:
        """`providers` are keys of `PROVIDERS` in order of preference; `cache` is the folder for derived files."""
        self.cpus = cpu_count()
        self._cache = cache
        self._graphs = GraphCache(cache / "onnx") if cache is not None else None
        self._accelerators = _available(providers)

    @property
    def accelerated(self) -> bool:
        """Whether models run on an accelerator instead of the CPU."""
        return bool(self._accelerators)

    def open(self, path: Path, threads: int, digest: str = "") -> ort.InferenceSession:
        """Open a model; with the `digest` of all its files, cached files are used again.

        A provider that does not start is named in the log and replaced by the next one, finally the CPU. Raises
        ONNX Runtime's own errors if the model cannot be opened.
        """
        wanted = self._accelerators
        failure: Exception | None = None
        for skipped in range(len(wanted)):
            try:
                session = self._open_accelerated(path, threads, digest, wanted[skipped:])
            except ENGINE_ERRORS as cause:
                failure = failure or cause
            else:
                self._leave_out(wanted, session, failure)
                return session
        session = self._open_on_cpu(path, threads, digest)
        self._leave_out(wanted, session, failure)
        return session

    def _open_accelerated(
        self, path: Path, threads: int, digest: str, names: Sequence[str]
    ) -> ort.InferenceSession:
        options: dict[str, dict[str, str]] = {name: {"device_id": "0"} for name in names}
        if "tensorrt" in options and digest and self._cache is not None:
            # A folder per model: ONNX Runtime names engines after the graph, whatever its weights are.
            engines = str(self._cache / "tensorrt" / _key(digest))
            options["tensorrt"] |= {"trt_engine_cache_enable": "True", "trt_engine_cache_path": engines}
        return _session(path, _options(threads), [(PROVIDERS[name], options[name]) for name in names] + [CPU])

    def _open_on_cpu(self, path: Path, threads: int, digest: str) -> ort.InferenceSession:
        if self._graphs is not None and digest and path.stat().st_size >= LARGE:
            key = _key(digest)
            for _ in range(2):  # the second time it has just been written
                found = self._graphs.find(key) or self._graphs.write(key, partial(_prepare, path))
                if found is None or not (found / GRAPH).exists():
                    break
                options = _options(threads)
                options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
                try:
                    return _session(found / GRAPH, options, [CPU])
                except ENGINE_ERRORS as cause:
                    self._graphs.discard(key, str(cause))
        return _session(path, _options(threads), [CPU])

    def _leave_out(self, wanted: Sequence[str], session: ort.InferenceSession, failure: Exception | None) -> None:
        """Remember, and log once, which providers do not start."""
        started = tuple(name for name in wanted if PROVIDERS[name] in session.get_providers())
        lost = [name for name in wanted if name not in started]
        if lost and self._accelerators == wanted:
            self._accelerators = started
            log.warning(
                "SLIPWAY_ONNX_PROVIDERS: %s did not start, models run on %s; it needs an NVIDIA GPU, its driver "
                "and the CUDA libraries that onnxruntime %s was built for. ONNX Runtime reported: %s",
                " and ".join(lost),
                " and ".join([*started, "cpu"]),
                ort.__version__,
                failure or "see its own log lines above",
            )


def _available(asked: Sequence[str]) -> tuple[str, ...]:
    """The requested accelerators that the installed onnxruntime supports; those after cpu are never used."""
    wanted = list(asked)[: list(asked).index("cpu")] if "cpu" in asked else list(asked)
    built = ort.get_available_providers()
    lost = [name for name in wanted if PROVIDERS[name] not in built]
    if lost:
        log.warning(
            "SLIPWAY_ONNX_PROVIDERS asks for %s, but the installed onnxruntime %s has only %s; models run "
            "without. Install the GPU build instead: pip uninstall onnxruntime, then pip install 'slipway[gpu]'",
            " and ".join(lost),
            ort.__version__,
            ", ".join(built),
        )
    found = tuple(name for name in wanted if name not in lost)
    if found:
        # Loads the CUDA libraries of the Python environment, which are not on the library path. It prints what is
        # missing, which ONNX Runtime reports more clearly when it fails to start.
        with redirect_stdout(io.StringIO()):
            ort.preload_dlls(directory="")
    return found


def _session(path: Path, options: ort.SessionOptions, providers: Sequence[Provider]) -> ort.InferenceSession:
    # ONNX Runtime's own fallback only prints to standard output.
    return ort.InferenceSession(path, options, providers=list(providers), enable_fallback=0)


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads would take CPU time from the event loop between batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # It would store a plan for every shape that it has seen, and is not faster.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return options


def _prepare(path: Path, folder: Path) -> None:
    """Write a model's optimised graph and its weights into a folder. Raises `OSError`.

    The weights are not packed for this CPU: with onnxruntime 1.31, sessions that map packed weights crash on some
    graphs, such as those with several weights of a few columns. The folder stays empty for a model without weights
    to map, such as trees, whose graph would not open any faster.
    """
    options = _options(1)
    options.optimized_model_filepath = str(folder / GRAPH)
    for name, value in {
        "optimized_model_external_initializers_file_name": WEIGHTS,
        "optimized_model_external_initializers_min_size_in_bytes": "1024",
    }.items():
        options.add_session_config_entry(f"session.{name}", value)
    try:
        _session(path, options, [CPU])
    except ENGINE_ERRORS as cause:
        raise OSError(f"{path.name}: {cause}") from cause
    if not (folder / WEIGHTS).exists():
        (folder / GRAPH).unlink()


def _key(digest: str) -> str:
    """The key of files derived from a model by this runtime on this CPU."""
    parts = (LAYOUT, digest, ort.__version__, platform.machine(), _cpu_features())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _cpu_features() -> str:
    """The instruction sets of this CPU, on which the optimised graph depends."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
