"""The replica by itself, and behind a real Ray Serve.

Ray reads how to authenticate when it is first imported, so what imports it is imported inside the session.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from serving.kernel.app_values import load_values
from serving.kernel.errors import BackendFailed, DeadlineExceeded, Invalid, NotReady, Overloaded, Unavailable
from serving.kernel.find_app import find_app
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Manifest
from serving.models.backends.array_frames import decode_frame, encode_frame
from serving.models.backends.factory import Backends
from serving.models.batching.batch_kinds import TensorBatches
from serving.models.batching.batcher import Batcher
from serving.observe.metrics import Metrics
from tests.processes import children
from tests.serving import added, toy
from tests.serving.models import models
from tests.serving.models.conformance import check_backend
from tests.serving.models.mirror.app import app
from tests.serving.models.models import call

pytestmark = pytest.mark.slow

NAME = "tests.serving.models.mirror"
WORK = TensorBatches(app.inputs, app.outputs)
BATCHING = load_values(app.folder).batching
SLOW = 2
BROKEN = 3
LOOKUP = 5


def publish(root: Path, version: int, make: Callable[[Path], Path]) -> None:
    """Write a version folder with its manifest."""
    folder = root / app.name / str(version)
    folder.mkdir(parents=True)
    make(folder / "model.onnx")
    toy.write_manifest(folder, version, of=app)


def lookup(path: Path) -> Path:
    """y = (10, 20, 30)[x]"""
    nodes = [models.node("Cast", "x", "i", to=TensorProto.INT64), models.node("Gather", "table i")]
    return models.save(path, nodes, constants={"table": np.float32([10, 20, 30])})


def broken(path: Path) -> Path:
    path.write_bytes(b"not a model")
    return path


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("replica")
    for version, make in {1: models.negate, SLOW: models.slow, BROKEN: broken, LOOKUP: lookup}.items():
        publish(folder / "models", version, make)
    for version in range(10, 20):
        publish(folder / "models", version, models.negate)
    return Settings(home=folder / "home", model_repository=folder / "models")


@pytest.fixture(scope="module")
def replica(ray: None) -> ModuleType:
    """The module, inside a session of Ray."""
    from serving.models.backends import replica

    return replica


def rows(count: int, first: float = 1.0) -> dict[str, Any]:
    return {"x": np.arange(first, first + count * 1000, dtype=np.float32).reshape(count, 1000)}


async def direct(subject: Any, version: int, count: int = 1, seconds: float = 20.0) -> None:
    inputs = rows(count)
    outputs = decode_frame(await subject.infer(version, encode_frame(app.inputs, inputs), seconds))
    np.testing.assert_array_equal(outputs["y"], -inputs["x"])


def test_calls_are_joined_and_answered_with_their_own_rows(replica: ModuleType, settings: Settings) -> None:
    async def main() -> None:
        subject = replica.ModelReplica(NAME, settings)
        await asyncio.gather(*(direct(subject, 1, count) for count in (1, 5, 512, 2, 1)))

    asyncio.run(main())


def test_a_version_that_is_not_there_or_not_as_published_is_not_ready(
    replica: ModuleType, settings: Settings
) -> None:
    publish(settings.model_repository, 4, models.negate)
    (settings.model_repository / app.name / "4" / "model.onnx").write_bytes(b"another")

    async def main() -> None:
        subject = replica.ModelReplica(NAME, settings)
        for version in (4, 99):
            with pytest.raises(NotReady, match=f"version {version} is not on"):
                await direct(subject, version)
        with pytest.raises(BackendFailed, match="cannot be opened"):
            await direct(subject, BROKEN)
        publish(settings.model_repository, 99, models.negate)
        await direct(subject, 99)

    asyncio.run(main())


def test_a_version_that_takes_long_to_open_is_not_waited_for(
    replica: ModuleType, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = replica.open_fused

    def slowly(*args: Any, **more: Any) -> Batcher:
        time.sleep(0.5)
        return real(*args, **more)

    monkeypatch.setattr(replica, "open_fused", slowly)

    async def main() -> None:
        subject = replica.ModelReplica(NAME, settings)
        with pytest.raises(NotReady, match="is being opened"):
            await direct(subject, 1, seconds=0.1)
        await direct(subject, 1)

    asyncio.run(main())


def test_unused_versions_are_closed(replica: ModuleType, settings: Settings) -> None:
    async def main() -> None:
        subject = replica.ModelReplica(NAME, settings)
        for version in range(10, 20):
            await direct(subject, 10)
            await direct(subject, version)
        assert list(subject._opened) == [15, 16, 17, 18, 10, 19]

    asyncio.run(main())


def test_versions_of_an_added_model_have_their_own_tensors(replica: ModuleType, tmp_path: Path) -> None:
    added.write_version(tmp_path, 1, weights=(1, 10))
    added.write_version(tmp_path, 2, weights=(1, 2, 3), names="abc")

    async def main() -> None:
        subject = replica.ModelReplica(added.NAME, Settings(home=tmp_path / "home", model_repository=tmp_path))
        for version, total in ((1, 11.0), (2, 6.0)):
            inputs = find_app(added.NAME, tmp_path, version).inputs
            ones = {"features": np.ones((1, inputs[0].shape[1]), np.float32)}
            found = decode_frame(await subject.infer(version, encode_frame(inputs, ones), 20.0))
            assert found["total"].tolist() == [[total]]

    asyncio.run(main())


@pytest.fixture(scope="module")
def handle(replica: ModuleType, settings: Settings) -> Iterator[Any]:
    """A deployment of one replica that hangs on version SLOW and notes on disk which calls were cancelled."""
    from ray import serve

    note = settings.home.parent / "cancelled"

    class Watched(replica.ModelReplica):  # type: ignore[misc, name-defined]
        async def infer(self, version: int, frame: bytes, seconds: float) -> bytes:
            try:
                if version == SLOW:
                    await asyncio.sleep(60)
                return await super().infer(version, frame, seconds)
            except asyncio.CancelledError:
                note.touch()
                raise

    serve.start(proxy_location="Disabled")
    deployment = serve.deployment(Watched).options(
        name="mirror-model", ray_actor_options={"num_cpus": 0.1}, max_ongoing_requests=4, max_queued_requests=4
    )
    yield serve.run(deployment.bind(NAME, settings), name="mirror", route_prefix=None)
    serve.shutdown()


async def negated(batcher: Batcher, count: int, first: float = 1.0, seconds: float = 20.0) -> None:
    inputs = rows(count, first)
    outputs = await batcher.submit(WORK, inputs, call(seconds))
    np.testing.assert_array_equal(outputs["y"], -inputs["x"])


def using(handle: Any, use: Callable[[Batcher], Any], version: int = 1) -> None:
    from serving.models.backends.replica import open_replica

    async def main() -> None:
        batcher = open_replica(handle, version, app.inputs, app.outputs, BATCHING)
        try:
            await use(batcher)
        finally:
            await batcher.close()

    asyncio.run(main())


def test_it_keeps_the_promises_of_a_backend(handle: Any) -> None:
    async def use(batcher: Batcher) -> None:
        found = await check_backend(batcher, WORK, rows(3))
        np.testing.assert_array_equal(found["y"], -rows(3)["x"])

    using(handle, use)


def test_small_and_large_batches_cross(handle: Any) -> None:
    async def use(batcher: Batcher) -> None:
        for count in (1, 512):
            await negated(batcher, count)
        await asyncio.gather(
            *(negated(batcher, count, 1e4 * i) for i, count in enumerate([1, 300, 7, 512, 2, 64]))
        )

    using(handle, use)


@pytest.mark.parametrize("ending", ["deadline", "gone"])
def test_a_call_that_ends_early_is_cancelled_in_the_replica(handle: Any, settings: Settings, ending: str) -> None:
    note = settings.home.parent / "cancelled"
    note.unlink(missing_ok=True)

    async def use(batcher: Batcher) -> None:
        if ending == "deadline":
            with pytest.raises(DeadlineExceeded):
                await negated(batcher, 1, seconds=1.0)
        else:
            answer = batcher.submit(WORK, rows(1), call(60))
            await asyncio.sleep(1.0)
            answer.cancel()

    using(handle, use, SLOW)
    end = time.monotonic() + 20
    while not note.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_error_of_the_replica_is_the_same_error_in_the_gateway(handle: Any) -> None:
    async def use(batcher: Batcher) -> None:
        with pytest.raises(NotReady, match="version 77 is not on"):
            await negated(batcher, 1)

    async def refused(batcher: Batcher) -> None:
        kind = TensorBatches(app.inputs, app.outputs, model=app.name)
        sent = [{"x": np.full((1, 1000), value, np.float32)} for value in (0, 9, 1)]
        done = await asyncio.gather(*(batcher.submit(kind, one, call()) for one in sent), return_exceptions=True)
        bad = done.pop(1)
        assert isinstance(bad, Invalid) and "its node Gather reports: indices element out of" in str(bad)
        assert [one["y"][0, 0] for one in done] == [10, 20]
        with pytest.raises(BackendFailed) as caught:
            await batcher.submit(WORK, sent[1], call())
        assert "Gather" not in str(caught.value), "an app may have made the values"

    using(handle, use, 77)
    using(handle, refused, LOOKUP)


def test_full_queues_of_the_replicas_are_overload(handle: Any) -> None:
    from serving.models.backends.replica import open_replica

    async def main() -> None:
        batchers = [open_replica(handle, SLOW, app.inputs, app.outputs, BATCHING) for _ in range(20)]
        sent = [asyncio.ensure_future(negated(batcher, 1, seconds=3.0)) for batcher in batchers]
        errors = await asyncio.gather(*sent, return_exceptions=True)
        assert {type(error) for error in errors} == {Overloaded, DeadlineExceeded}
        for batcher in batchers:
            await batcher.close()

    asyncio.run(main())


def replicas() -> set[int]:
    """The process ids of the replicas of the deployment."""
    return {process.pid for process, line in children() if "ServeReplica:mirror" in line}


def signal_replicas(number: signal.Signals) -> None:
    """Send a signal to the replicas of the deployment."""
    for pid in replicas():
        os.kill(pid, number)


def test_a_version_is_available_only_while_a_replica_answers(handle: Any, settings: Settings) -> None:
    async def main() -> None:
        backends = Backends(settings, Repository(settings.model_repository), Metrics(), {app.name: handle})
        opened = [await backends.open(app, manifest_of(settings, version)) for version in (1, SLOW)]

        async def until(available: bool) -> None:
            while {backend.available() for backend in opened} != {available}:
                await asyncio.sleep(0.01)

        async with asyncio.timeout(120):
            await until(True)
            signal_replicas(signal.SIGSTOP)
            await until(False)
            signal_replicas(signal.SIGCONT)
            await until(True)
            killed = replicas()
            signal_replicas(signal.SIGKILL)
            # A replica that is replaced within a few looks may never be found missing.
            while not replicas() - killed:
                await asyncio.sleep(0.01)
            await until(True)
            await opened[0].submit(WORK, rows(1), call(60))
        await asyncio.gather(*(backend.close() for backend in opened))
        await backends.close()

    asyncio.run(main())


def manifest_of(settings: Settings, version: int) -> Manifest:
    return Repository(settings.model_repository).manifest(app.name, version)


def test_a_killed_replica_fails_its_running_call_and_later_calls_are_answered(handle: Any) -> None:
    async def kill(batcher: Batcher) -> None:
        hanging = batcher.submit(WORK, rows(1), call(60))
        await asyncio.sleep(1.0)
        signal_replicas(signal.SIGKILL)
        with pytest.raises(Unavailable, match="replica was lost"):
            await hanging

    async def ask(batcher: Batcher) -> None:
        await negated(batcher, 1, seconds=60)
        await negated(batcher, 512, seconds=60)

    using(handle, kill, SLOW)
    using(handle, ask)
