"""System shared memory between this process and a Triton that runs in the same pod.

A region is a file in `/dev/shm`, mapped here and registered with Triton under its name. Regions are used again by
later batches. One whose batch did not come to its end may still be written to by Triton, so it is never used
again. The file is locked for as long as its owner lives: what a killed process left behind is found and removed.
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
MOST_ASIDE = 64
RETRY_SECONDS = 1.0
CONTROL_SECONDS = 5.0
YOUNG_SECONDS = 1.0

log = logging.getLogger("serving.models.backends.shared_memory")


class Region:
    """Shared memory of at least `size` bytes; `view` is all of it. Raises `OSError` where there is no room."""

    def __init__(self, size: int) -> None:
        self.spent = False
        """Whether it must not be used again: Triton may still write to it, or does not know it any more."""
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
        """Unmap and remove. Triton keeps what it has mapped until the region is unregistered."""
        self.view.release()
        self._map.close()
        os.close(self._file)
        self._path.unlink(missing_ok=True)


class Regions:
    """The regions of one Triton. Belongs to one event loop."""

    def __init__(self, stub: Any) -> None:
        """`stub` is a GRPCInferenceServiceStub of grpc.aio."""
        self._stub = stub
        self._idle: list[Region] = []
        self._aside: dict[str, asyncio.Task[None]] = {}
        self._usable = True
        self._cleaned = False
        self._closed = False

    @asynccontextmanager
    async def lend(self, size: int) -> AsyncIterator[Region | None]:
        """A registered region of at least `size` bytes; None where Triton cannot share memory with us.

        The block says whether it is `spent` afterwards. Raises `grpc.aio.AioRpcError` when Triton is gone.
        """
        region = await self._take(size) if self._usable and len(self._aside) < MOST_ASIDE else None
        try:
            yield region
        finally:
            if region is not None:
                self._take_back(region)

    def forget(self) -> None:
        """Triton does not know our regions any more: it was restarted."""
        for region in self._idle:
            region.close()
        self._idle.clear()

    async def close(self) -> None:
        """Unregister and remove everything. Calling it twice is allowed."""
        self._closed = True
        for task in self._aside.values():
            task.cancel()
        names = [*self._aside, *(region.name for region in self._idle)]
        self.forget()
        await asyncio.gather(*(self._unregister(name) for name in names))

    def _take_back(self, region: Region) -> None:
        if self._closed:
            region.close()
            return
        if region.spent:
            self._set_aside(region)
            return
        self._idle.append(region)
        while sum(idle.size for idle in self._idle) > MOST_IDLE_BYTES:
            largest = max(self._idle, key=lambda idle: idle.size)
            self._idle.remove(largest)
            self._set_aside(largest)

    async def _take(self, size: int) -> Region | None:
        fitting = [region for region in self._idle if region.size >= size]
        if fitting:
            region = min(fitting, key=lambda idle: idle.size)
            self._idle.remove(region)
            return region
        try:
            return await self._register(size)
        except OSError as cause:
            self._give_up(f"The system said: {cause}")
        except grpc.aio.AioRpcError as cause:
            if cause.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise
            self._give_up(f"Triton said: {cause.details()}")
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
            "SLIPWAY_TRITON_SHARED_MEMORY: tensors go over gRPC instead; it needs Triton in the same pod and a "
            "common %s with room. %s",
            FOLDER,
            reason,
        )

    def _set_aside(self, region: Region) -> None:
        """Never use a region again; Triton lets it go when it can."""
        region.close()
        self._aside[region.name] = asyncio.create_task(self._unregister_patiently(region.name))

    async def _unregister_patiently(self, name: str) -> None:
        while not await self._unregister(name):
            await asyncio.sleep(RETRY_SECONDS)
        del self._aside[name]

    async def _unregister(self, name: str) -> bool:
        """Whether Triton no longer has the region; it keeps one that a batch is using."""
        request = pb.SystemSharedMemoryUnregisterRequest(name=name)
        try:
            await self._stub.SystemSharedMemoryUnregister(request, timeout=CONTROL_SECONDS)
        except grpc.aio.AioRpcError as cause:
            return "in use" not in (cause.details() or "")
        return True

    async def _clean(self) -> None:
        """Remove what processes left behind that were killed."""
        status = await self._stub.SystemSharedMemoryStatus(
            pb.SystemSharedMemoryStatusRequest(), timeout=CONTROL_SECONDS
        )
        files = {path.name for path in FOLDER.glob(f"{PREFIX}*")}
        for name in sorted(files | {name for name in status.regions if name.startswith(PREFIX)}):
            if not _owned(FOLDER / name):
                await self._unregister(name)
                (FOLDER / name).unlink(missing_ok=True)


def _owned(path: Path) -> bool:
    """Whether the process that made a region still lives."""
    try:
        file = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        # Between making a file and locking it is a moment.
        return time.time() - os.fstat(file).st_ctime < YOUNG_SECONDS
    finally:
        os.close(file)
