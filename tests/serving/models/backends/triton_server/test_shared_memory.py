"""Regions on this side; what Triton makes of them is shown in test_triton.py."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from serving.models.backends.triton_server import shared_memory
from serving.models.backends.triton_server.shared_memory import Region, Regions


class Registry:
    """Triton's side of it: names that are registered, and those in use."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.in_use: set[str] = set()
        self.refusals: list[grpc.StatusCode] = []

    async def SystemSharedMemoryRegister(self, request: Any, timeout: float) -> None:  # noqa: N802
        if self.refusals:
            raise error(self.refusals.pop(), "refused")
        assert (shared_memory.FOLDER / request.key.strip("/")).stat().st_size == request.byte_size
        self.names.add(request.name)

    async def SystemSharedMemoryUnregister(self, request: Any, timeout: float) -> None:  # noqa: N802
        if request.name in self.in_use:
            raise error(grpc.StatusCode.INTERNAL, "it is currently in use.")
        self.names.discard(request.name)

    async def SystemSharedMemoryStatus(self, request: Any, timeout: float) -> Any:  # noqa: N802
        return SimpleNamespace(regions={name: None for name in self.names})


def error(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    empty = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, empty, empty, details)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    monkeypatch.setattr(shared_memory, "RETRY_SECONDS", 0.01)
    return tmp_path


@pytest.fixture
def registry() -> Registry:
    return Registry()


def run(registry: Registry, use: Callable[[Regions], Any]) -> Any:
    async def main() -> Any:
        regions = Regions(registry)
        try:
            return await use(regions)
        finally:
            await regions.close()
            await regions.close()

    return asyncio.run(main())


def test_a_region_is_used_again_and_removed_at_the_end(registry: Registry, folder: Path) -> None:
    async def use(regions: Regions) -> set[str]:
        names = set()
        for size in (1000, 200_000, 5):
            async with regions.lend(size) as region:
                assert region is not None
                assert region.size >= size
                region.view[:5] = b"hello"
                names.add(region.name)
        assert registry.names == names
        return names

    assert len(run(registry, use)) == 1
    assert registry.names == set()
    assert list(folder.iterdir()) == []


def test_two_batches_never_share_a_region(registry: Registry) -> None:
    async def use(regions: Regions) -> None:
        async with regions.lend(10) as one, regions.lend(10) as other:
            assert one is not other

    run(registry, use)


def test_a_region_that_may_be_written_to_is_kept_from_others_until_triton_lets_it_go(
    registry: Registry, folder: Path
) -> None:
    async def use(regions: Regions) -> None:
        with pytest.raises(TimeoutError):
            async with regions.lend(10) as lost:
                assert lost is not None
                registry.in_use.add(lost.name)
                lost.spent = True
                raise TimeoutError
        for _ in range(3):
            async with regions.lend(10) as region:
                assert region is not None
                assert region.name != lost.name
            await asyncio.sleep(0.02)
        assert lost.name in registry.names
        registry.in_use.clear()
        while lost.name in registry.names:
            await asyncio.sleep(0.01)

    run(registry, use)
    assert list(folder.iterdir()) == []


def test_idle_regions_are_bounded(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "MOST_IDLE_BYTES", shared_memory.SMALLEST * 3)

    async def use(regions: Regions) -> None:
        async with regions.lend(1), regions.lend(1), regions.lend(shared_memory.SMALLEST * 2):
            pass
        await asyncio.sleep(0.05)
        assert len(registry.names) == 2

    run(registry, use)


def test_a_region_that_comes_back_after_the_end_is_removed(registry: Registry, folder: Path) -> None:
    async def use(regions: Regions) -> None:
        async with regions.lend(10):
            await regions.close()

    run(registry, use)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_a_triton_that_is_away_is_no_reason_to_give_up(registry: Registry, code: grpc.StatusCode) -> None:
    async def use(regions: Regions) -> None:
        registry.refusals.append(code)
        with pytest.raises(grpc.aio.AioRpcError):
            async with regions.lend(10):
                pass
        async with regions.lend(10) as region:
            assert region is not None

    run(registry, use)


def test_files_of_killed_processes_are_deleted(
    registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_memory, "YOUNG_SECONDS", 0.0)
    code = (
        "import sys, pathlib; from serving.models.backends.triton_server import shared_memory as m\n"
        "m.FOLDER = pathlib.Path(sys.argv[1]); print(m.Region(10).name, flush=True); sys.stdin.read()"
    )
    alive, dead = (
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    )
    assert alive.stdout is not None and dead.stdout is not None
    names = [process.stdout.readline().strip() for process in (alive, dead)]  # type: ignore[union-attr]
    registry.names = {*names, "slipway-without-a-file", "of-somebody-else"}
    dead.kill()
    dead.communicate()

    async def use(regions: Regions) -> None:
        async with regions.lend(10) as region:
            assert region is not None
            assert registry.names == {names[0], "of-somebody-else", region.name}

    run(registry, use)
    assert [path.name for path in folder.iterdir()] == [names[0]]
    alive.communicate()


def test_no_room_is_noticed_before_anything_is_written(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    with pytest.raises(OSError, match="too large|No space|File too"):
        Region(2**60)
    assert list(folder.iterdir()) == []
