"""Backend `replica`: the model runs in a Ray Serve deployment of its own, for PyTorch or a GPU.

Arrays are sent as one frame of bytes, never as Python objects. Small batches use Serve's gRPC transport, which has
half the latency of the object store. Large batches use the object store, which does not copy them. The replica
batches the calls of all gateways again.

A gateway asks every second whether a replica answers, once for all versions.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from serving.kernel.added.app import added_app
from serving.kernel.app import App
from serving.kernel.app_values import Batching, batching_of
from serving.kernel.call import Call
from serving.kernel.errors import BackendFailed, DeadlineExceeded, NotReady, Overloaded, SlipwayError, Unavailable
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.signatures import Signatures
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import MODEL_NAME
from serving.kernel.tensors import Arrays, TensorSpec, row_bytes
from serving.models.backends.array_frames import decode_frame, encode_frame
from serving.models.backends.onnx_local import open_fused
from serving.models.backends.onnx_session import ENGINE_ERRORS, Sessions
from serving.models.backends.presence import Presence
from serving.models.backends.remote_execute import execute_remotely
from serving.models.batching.batch_kinds import TensorBatches, rows_of
from serving.models.batching.batcher import Batcher, BatchObserver

__all__ = ["ModelReplica", "open_replica", "presence_of"]

CONCURRENCY = 8
"""The most batches of one version at a time; several replicas may share them."""
GRPC_BYTES = 2**20
"""Larger calls use the object store; Serve's gRPC servers accept at most 4 MiB by default."""
OPEN_SECONDS = 5.0
"""The time that a call waits for its version to be opened; then it fails with `NotReady`."""
LOST = (RayError, RayServeException, grpc.aio.AioRpcError)
"""What a call raises whose replica was lost."""
SPARE_VERSIONS = 3
"""Open versions in addition to `keep_versions`: champion, challenger and one that a client pinned."""


@dataclass(frozen=True)
class _Opened:
    """A version that runs in this replica."""

    batcher: Batcher
    kind: TensorBatches
    outputs: tuple[TensorSpec, ...]


class ModelReplica:
    """Runs the versions of one app that gateways ask for; of too many, the most recently used stay open."""

    def __init__(self, app: str, settings: Settings) -> None:
        """Opens no version yet; each is opened at its first call."""
        from serving.kernel.find_app import find_app
        from serving.models.backends.replica_port import listen_on_the_node_only

        listen_on_the_node_only()
        self._app: App[Any, Any, Any] = find_app(app, settings.model_repository)
        self._repository = Repository(settings.model_repository, Signatures.of(settings))
        self._sessions = Sessions(settings.onnx_providers, settings.home / "cache")
        self._keep = settings.keep_versions + SPARE_VERSIONS
        self._opened: OrderedDict[int, asyncio.Task[_Opened]] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    async def check_health(self) -> None:
        """Return at the loop's next turn. Ray replaces a replica that does not, and gateways ask for it too."""

    async def infer(self, version: int, frame: bytes, seconds: float) -> bytes:
        """Run the arrays of a frame on `version`; `seconds` is the time left until the deadline.

        Raises `NotReady` for a version that is not on this node or is still being opened.
        """
        call = Call("", time.monotonic() + seconds, "replica")
        opened = await self._found(version, min(OPEN_SECONDS, seconds / 2))
        outputs = await opened.batcher.submit(opened.kind, decode_frame(frame), call)
        return encode_frame(opened.outputs, outputs)

    async def _found(self, version: int, patience: float) -> _Opened:
        task = self._opened.get(version)
        if task is None:
            task = self._opened[version] = asyncio.create_task(asyncio.to_thread(self._open, version))
            self._close_oldest()
        self._opened.move_to_end(version)
        if not task.done():
            await asyncio.wait([task], timeout=patience)
        if not task.done():
            raise NotReady(f"version {version} is being opened in the model replica")
        if task.exception() is not None and self._opened.get(version) is task:
            del self._opened[version]
        return task.result()

    def _close_oldest(self) -> None:
        while len(self._opened) > self._keep:
            _, oldest = self._opened.popitem(last=False)
            closing = asyncio.create_task(_close(oldest))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _open(self, version: int) -> _Opened:
        try:
            manifest = self._repository.verify(self._app.name, version)
            # Versions of an added model may have other tensors.
            app = self._app if self._app.home is None else added_app(manifest, self._app.home)
        except Refused as cause:
            raise NotReady(f"version {version} is not on the model replica's node, or not as published") from cause
        path = self._repository.folder(self._app.name, version) / MODEL_NAME
        batching = batching_of(app)
        try:
            batcher = open_fused(path, app.inputs, batching, sessions=self._sessions, digest=manifest.fingerprint)
        except ENGINE_ERRORS as cause:
            raise BackendFailed(f"version {version} cannot be opened in the model replica") from cause
        return _Opened(batcher, TensorBatches(app.inputs, app.outputs, batching.length_buckets), app.outputs)


async def _close(opening: asyncio.Task[_Opened]) -> None:
    await asyncio.wait([opening])
    if opening.exception() is None:
        await opening.result().batcher.close()


def open_replica(
    handle: DeploymentHandle,
    version: int,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    batching: Batching,
    observer: BatchObserver | None = None,
    available: Callable[[], bool] = lambda: True,
) -> Batcher:
    """A batcher of one version of one app behind a deployment handle, with several batches at a time."""
    execute = execute_remotely(_Model(handle, version, inputs, outputs), outputs)
    return Batcher(execute, batching, observer, concurrency=CONCURRENCY, available=available)


def presence_of(handle: DeploymentHandle) -> Presence:
    """Whether a replica of the deployment answers; one for all versions, which run in the same replicas."""
    return Presence(partial(_answers, handle.options(method_name="check_health")))


async def _answers(handle: DeploymentHandle, seconds: float) -> bool:
    """Whether some replica answers. Raises `TimeoutError` if none has within `seconds`, busy or not."""
    end = time.monotonic() + seconds
    try:
        return await _ask(handle, seconds)
    except LOST:
        pass
    # One replica was lost. Ray asks another one now, and waits if there is none.
    try:
        return await _ask(handle, end - time.monotonic())
    except TimeoutError:
        return False


async def _ask(handle: DeploymentHandle, seconds: float) -> bool:
    response = handle.remote()
    try:
        async with asyncio.timeout(seconds):
            await response
    except BackPressureError:
        pass  # they have more work than they can take, so they live
    except (TimeoutError, asyncio.CancelledError):
        response.cancel()
        raise
    return True


class _Model:
    """Runs batches on one version. Raises the errors of `serving.kernel.errors`."""

    def __init__(
        self,
        handle: DeploymentHandle,
        version: int,
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
    ) -> None:
        pickle = {"request_serialization": "pickle", "response_serialization": "pickle"}
        self._small = handle.options(method_name="infer", _by_reference=False, **pickle)
        self._large = handle.options(method_name="infer", _by_reference=True)
        self._version = version
        self._inputs = inputs
        sizes = [row_bytes(spec) for spec in outputs]
        self._output_bytes = sum(sizes) if all(sizes) else GRPC_BYTES + 1
        """Bytes per row; if unknown, a number that is too large for gRPC."""

    async def __call__(self, inputs: Arrays, seconds: float) -> Arrays:
        frame = encode_frame(self._inputs, inputs)
        size = len(frame) + rows_of(inputs) * self._output_bytes
        handle = self._small if size <= GRPC_BYTES else self._large
        response = handle.remote(self._version, frame, seconds)
        try:
            async with asyncio.timeout(seconds):
                return decode_frame(await response)
        except TimeoutError as cause:
            response.cancel()
            raise DeadlineExceeded("the deadline passed while the model ran") from cause
        except asyncio.CancelledError:
            response.cancel()
            raise
        except BackPressureError as cause:
            raise Overloaded("the model replicas' queues are full") from cause
        except RayTaskError as cause:
            raise _unwrap(cause) from cause
        except LOST as cause:
            raise Unavailable("the model replica was lost; send the request again") from cause


def _unwrap(cause: RayTaskError) -> SlipwayError:
    """The error that was raised in the replica."""
    for error in (getattr(cause, "cause", None), cause):
        if isinstance(error, SlipwayError):
            return error
    return BackendFailed("the model could not be run on these inputs")
