"""System shared memory between this process and a Triton server in the same pod.

A region is a file in `/dev/shm` that is mapped here and registered with Triton under its name. Later batches use
it again, except if its batch was not completed: Triton may still write to it. The owner holds a lock on the file
while it lives, so files of killed processes are recognised and deleted.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import mmap
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as pb

__all__ = ["Region", "Regions"]

FOLDER = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory is
PREFIX = "slipway-"
SMALLEST = 256 * 2**10
MOST_IDLE_BYTES = 64 * 2**20
MOST_RETIRED = 64
RETRY_SECONDS = 1.0
CONTROL_SECONDS = 5.0
YOUNG_SECONDS = 1.0

log = logging.getLogger("serving.models.backends.triton_server.shared_memory")


class Region:
    """Shared memory of at least `size` bytes; `view` is all of it. Raises `OSError` if there is not enough."""

    def __init__(self, size: int) -> None:
        self.spent = False
        """Whether it must not be used again: Triton may still write to it, or no longer knows it."""
        self.size = max(SMALLEST, 1 << (size - 1).bit_length())
        self.name = PREFIX + secrets.token_hex(8)
        self._path = FOLDER / self.name
        self._file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with ExitStack() as undo:
            undo.callback(self._path.unlink)
            undo.callback(os.close, self._file)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            # Reserves the memory: without it, writing to a full file system would kill the process.
            os.posix_fallocate(self._file, 0, self.size)
            self._map = mmap.mmap(self._file, self.size)
            undo.pop_all()
        self.view = memoryview(self._map)

    def close(self) -> None:
        """Unmap and delete the file. Triton's own mapping stays until the region is unregistered."""
        self.view.release()
        self._map.close()
        os.close(self._file)
        self._path.unlink(missing_ok=True)


class Regions:
    """The regions of one Triton server. Must be used on one event loop."""

    def __init__(self, stub: Any) -> None:
        """`stub` is a GRPCInferenceServiceStub of grpc.aio."""
        self._stub = stub
        self._idle: list[Region] = []
        self._retired: dict[str, asyncio.Task[None]] = {}
        self._usable = True
        self._cleaned = False
        self._closed = False

    @asynccontextmanager
    async def lend(self, size: int) -> AsyncIterator[Region | None]:
        """A registered region of at least `size` bytes; None if Triton cannot share memory with this process.

        The caller sets `spent` if the region must not be used again. Raises `grpc.aio.AioRpcError` if Triton
        cannot be reached.
        """
        region = await self._take(size) if self._usable and len(self._retired) < MOST_RETIRED else None
        try:
            yield region
        finally:
            if region is not None:
                self._take_back(region)

    def forget(self) -> None:
        """Drop all idle regions: Triton was restarted and no longer knows them."""
        for region in self._idle:
            region.close()
        self._idle.clear()

    async def close(self) -> None:
        """Unregister and delete all regions. May be called twice."""
        self._closed = True
        for task in self._retired.values():
            task.cancel()
        names = [*self._retired, *(region.name for region in self._idle)]
        self.forget()
        await asyncio.gather(*(self._unregister(name) for name in names))

    def _take_back(self, region: Region) -> None:
        if self._closed:
            region.close()
            return
        if region.spent:
            self._retire(region)
            return
        self._idle.append(region)
        while sum(idle.size for idle in self._idle) > MOST_IDLE_BYTES:
            largest = max(self._idle, key=lambda idle: idle.size)
            self._idle.remove(largest)
            self._retire(largest)

    async def _take(self, size: int) -> Region | None:
        fitting = [region for region in self._idle if region.size >= size]
        if fitting:
            region = min(fitting, key=lambda idle: idle.size)
            self._idle.remove(region)
            return region
        try:
            return await self._register(size)
        except OSError as cause:
            self._give_up(f"The operating system reported: {cause}")
        except grpc.aio.AioRpcError as cause:
            if cause.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise
            self._give_up(f"Triton reported: {cause.details()}")
        return None

    async def _register(self, size: int) -> Region:
        if not self._cleaned:
            await self._clean()
            self._cleaned = True
        region = Region(size)
        request = pb.SystemSharedMemoryRegisterRequest(
            name=region.name, key=f"/{region.name}", byte_size=region.size
        )
        with ExitStack() as undo:
            undo.callback(region.close)
            await self._stub.SystemSharedMemoryRegister(request, timeout=CONTROL_SECONDS)
            undo.pop_all()
        return region

    def _give_up(self, reason: str) -> None:
        self._usable = False
        log.warning(
            "SLIPWAY_TRITON_SHARED_MEMORY: tensors are sent over gRPC instead; shared memory needs Triton in the "
            "same pod and enough space in a common %s. %s",
            FOLDER,
            reason,
        )

    def _retire(self, region: Region) -> None:
        """Stop using a region; it is unregistered as soon as Triton no longer uses it."""
        region.close()
        self._retired[region.name] = asyncio.create_task(self._unregister_patiently(region.name))

    async def _unregister_patiently(self, name: str) -> None:
        while not await self._unregister(name):
            await asyncio.sleep(RETRY_SECONDS)
        del self._retired[name]

    async def _unregister(self, name: str) -> bool:
        """Unregister a region; False while Triton still uses it for a batch."""
        request = pb.SystemSharedMemoryUnregisterRequest(name=name)
        try:
            await self._stub.SystemSharedMemoryUnregister(request, timeout=CONTROL_SECONDS)
        except grpc.aio.AioRpcError as cause:
            return "in use" not in (cause.details() or "")
        return True

    async def _clean(self) -> None:
        """Delete the regions of killed processes."""
        status = await self._stub.SystemSharedMemoryStatus(
            pb.SystemSharedMemoryStatusRequest(), timeout=CONTROL_SECONDS
        )
        files = {path.name for path in FOLDER.glob(f"{PREFIX}*")}
        for name in sorted(files | {name for name in status.regions if name.startswith(PREFIX)}):
            if not _owned(FOLDER / name):
                await self._unregister(name)
                (FOLDER / name).unlink(missing_ok=True)


def _owned(path: Path) -> bool:
    """Whether the process that created a region is still running."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        # Its owner may have created the file and not locked it yet.
        return time.time() - os.fstat(file).st_ctime < YOUNG_SECONDS
    finally:
        os.close(file)
