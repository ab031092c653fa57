from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from serving.kernel.app import App
from serving.kernel.app_values import Batching
from serving.kernel.backend import Backend
from serving.kernel.call import Call
from serving.kernel.errors import NotFound, NotReady, Unavailable
from serving.kernel.settings import Settings
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Manifest
from serving.kernel.tensors import Arrays
from serving.models.backends.onnx_local import open_fused
from serving.models.catalog import MOST_NAMES, Catalog
from serving.models.dataplane import DataPlane
from serving.models.loaded_version import LoadedVersion
from tests.serving import toy


class Events:
    def __init__(self) -> None:
        self.seen: list[tuple[str, int, str]] = []

    def loaded(self, app: str, version: int) -> None:
        self.seen.append(("loaded", version, ""))

    def refused(self, app: str, version: int, reason: str) -> None:
        self.seen.append(("refused", version, reason))

    def waiting(self, app: str, version: int, reason: str) -> None:
        self.seen.append(("waiting", version, reason))

    def unloaded(self, app: str, version: int) -> None:
        self.seen.append(("unloaded", version, ""))

    def champion(self, app: str, version: int) -> None:
        self.seen.append(("champion", version, ""))


def catalog(
    root: Path,
    events: Events,
    keep: int = 8,
    app: App[Any, Any, Any] = toy.app,
    prepared: Callable[[LoadedVersion], bool] = lambda _: True,
) -> Catalog:
    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(root / "toy" / str(manifest.version) / "model.onnx", app.inputs, Batching())

    return Catalog([app], Repository(root), open_backend, events, keep, prepared)


async def total(subject: Catalog, version: int | None = None) -> float:
    loaded = subject.resolve("toy", version)
    features = loaded.app.features([toy.Question(1.0, 2.0)], loaded.context)
    outputs: Arrays = await loaded.backend.submit(loaded.tensors, features, Call("test", time.monotonic() + 5))
    return float(outputs["total"][0, 0])


def test_without_versions_it_is_not_ready_and_says_why(tmp_path: Path) -> None:
    subject = catalog(tmp_path, Events())
    asyncio.run(subject.refresh())
    assert not subject.ready()
    with pytest.raises(NotReady, match="the model repository has none"):
        subject.resolve("toy")
    with pytest.raises(NotFound, match="served here: toy"):
        subject.resolve("nope")


def test_an_unknown_name_is_answered_with_some_of_those_that_are_known(tmp_path: Path) -> None:
    apps = [replace(toy.app, name=f"m{index}") for index in range(MOST_NAMES + 2)]
    subject = Catalog(apps, Repository(tmp_path), lambda *_: None, Events())  # type: ignore[arg-type, return-value]
    with pytest.raises(NotFound, match=r"served here: m0, m1, .*m19 and 2 more$"):
        subject.versions("nope")


def test_new_versions_are_picked_up_and_old_ones_can_be_asked_for(tmp_path: Path) -> None:
    events = Events()

    async def main() -> None:
        subject = catalog(tmp_path, events)
        toy.write_version(tmp_path, 1)
        toy.write_aliases(tmp_path, 1)
        await subject.refresh()
        assert subject.ready()
        assert await total(subject) == 3.0
        toy.write_version(tmp_path, 2, (10.0, 10.0))
        await subject.refresh()
        assert await total(subject) == 3.0
        assert await total(subject, 2) == 30.0
        toy.write_aliases(tmp_path, 2, 1)
        await subject.refresh()
        assert await total(subject) == 30.0
        assert await total(subject, 1) == 3.0
        with pytest.raises(NotFound, match="no version 7; loaded: 1, 2"):
            subject.resolve("toy", 7)

    asyncio.run(main())
    assert [event[:2] for event in events.seen] == [
        ("loaded", 1),
        ("champion", 1),
        ("loaded", 2),
        ("champion", 2),
    ]


def test_a_champion_that_is_not_prepared_answers_only_when_it_is_pinned(tmp_path: Path) -> None:
    unprepared = {1, 2}

    async def main() -> None:
        subject = catalog(tmp_path, Events(), prepared=lambda loaded: loaded.number not in unprepared)
        toy.write_version(tmp_path, 1)
        toy.write_aliases(tmp_path, 1)
        await subject.refresh()
        assert await total(subject) == 3.0, "no other could answer"
        toy.write_version(tmp_path, 2, (10.0, 10.0))
        toy.write_aliases(tmp_path, 2, 1)
        await subject.refresh()
        assert await total(subject) == 3.0
        assert await total(subject, 2) == 30.0
        unprepared.clear()
        await subject.refresh()
        assert await total(subject) == 30.0

    asyncio.run(main())


def test_the_explainer_of_each_champion_is_opened_before_it_is_asked(tmp_path: Path) -> None:
    opened: list[str] = []

    def explainer(folder: Path, context: toy.Context) -> Any:
        opened.append(folder.name)
        raise OSError("answers go on without")

    async def main() -> None:
        subject = catalog(tmp_path, Events(), app=replace(toy.app, explainer=explainer))
        toy.write_version(tmp_path, 1)
        toy.write_version(tmp_path, 2)
        toy.write_aliases(tmp_path, 1)
        for _ in range(2):
            await subject.refresh()
            assert opened == ["1"] and await total(subject) == 3.0
        toy.write_aliases(tmp_path, 2)
        await subject.refresh()
        assert opened == ["1", "2"]

    asyncio.run(main())


def test_a_tampered_champion_is_refused_and_the_previous_one_keeps_answering(tmp_path: Path) -> None:
    events = Events()

    async def main() -> None:
        subject = catalog(tmp_path, events)
        toy.write_version(tmp_path, 1)
        await subject.refresh()
        folder = toy.write_version(tmp_path, 2)
        data = bytearray((folder / "model.onnx").read_bytes())
        data[-30] ^= 1
        (folder / "model.onnx").write_bytes(data)
        toy.write_aliases(tmp_path, 2)
        await subject.refresh()
        await subject.refresh()
        assert subject.ready()
        assert await total(subject) == 3.0
        with pytest.raises(NotReady, match=r"refused: model.onnx: sha256"):
            subject.resolve("toy", 2)

    asyncio.run(main())
    assert [kind for kind, version, _ in events.seen if version == 2] == ["refused"]


def test_a_refused_version_is_tried_again_when_it_is_published_again(tmp_path: Path) -> None:
    async def main() -> None:
        subject = catalog(tmp_path, Events())
        folder = toy.write_version(tmp_path, 1)
        (folder / "extra.bin").write_bytes(b"x")
        await subject.refresh()
        assert not subject.ready()
        with pytest.raises(NotReady, match="version 1: extra.bin is not in the manifest"):
            subject.resolve("toy")
        shutil.rmtree(folder)
        toy.write_version(tmp_path, 1)
        await subject.refresh()
        assert subject.ready()

    asyncio.run(main())


def test_a_backend_that_is_away_is_waited_for(tmp_path: Path) -> None:
    events = Events()
    toy.write_version(tmp_path, 1)
    away = True

    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        if away:
            raise Unavailable("the model server cannot be reached")
        return open_fused(tmp_path / "toy/1/model.onnx", app.inputs, Batching())

    async def main() -> None:
        nonlocal away
        subject = Catalog([toy.app], Repository(tmp_path), open_backend, events)
        await subject.refresh()
        await subject.refresh()
        assert not subject.ready()
        away = False
        await subject.refresh()
        assert subject.ready()

    asyncio.run(main())
    assert [kind for kind, _, _ in events.seen] == ["waiting", "loaded", "champion"]


def test_a_version_that_waits_its_turn_is_being_loaded_not_unknown(tmp_path: Path) -> None:
    for version in (1, 2):
        toy.write_version(tmp_path, version)
    (tmp_path / "toy" / "2" / "model.onnx").write_bytes(b"tampered")
    seen: list[tuple[set[int], dict[int, str]]] = []

    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        seen.append((set(subject.versions("toy").refused), dict(subject.versions("toy").waiting)))
        with pytest.raises(NotReady, match="version 1 is not ready: it is being loaded"):
            subject.resolve("toy", 1)
        return open_fused(tmp_path / "toy" / str(manifest.version) / "model.onnx", app.inputs, Batching())

    subject = Catalog([toy.app], Repository(tmp_path), open_backend, Events())

    async def main() -> None:
        await subject.refresh()
        assert subject.versions("toy").waiting == {}
        await subject.close()

    asyncio.run(main())
    assert seen == [({2}, {1: "it is being loaded"})]


def test_the_newest_and_the_aliased_versions_stay_loaded(tmp_path: Path) -> None:
    for version in range(1, 6):
        toy.write_version(tmp_path, version)
    toy.write_aliases(tmp_path, 1)
    subject = catalog(tmp_path, Events(), keep=2)
    asyncio.run(subject.refresh())
    assert sorted(subject.versions("toy").loaded) == [1, 4, 5]
    assert subject.versions("toy").active == 1


def test_a_version_that_is_taken_away_is_unloaded(tmp_path: Path) -> None:
    async def main() -> None:
        subject = catalog(tmp_path, Events())
        toy.write_version(tmp_path, 1)
        toy.write_version(tmp_path, 2)
        await subject.refresh()
        assert subject.versions("toy").active == 2
        shutil.rmtree(tmp_path / "toy" / "2")
        await subject.refresh()
        assert subject.versions("toy").active == 1

    asyncio.run(main())


def test_broken_aliases_do_not_take_the_champion_away(tmp_path: Path) -> None:
    async def main() -> None:
        subject = catalog(tmp_path, Events())
        toy.write_version(tmp_path, 1)
        toy.write_version(tmp_path, 2)
        toy.write_aliases(tmp_path, 1)
        await subject.refresh()
        (tmp_path / "toy" / "aliases.json").write_text('{"champion": ')
        await subject.refresh()
        assert subject.versions("toy").active == 1
        assert subject.versions("toy").problem.startswith("aliases.json")

    asyncio.run(main())


def test_without_its_champion_a_model_says_what_is_wrong_with_that_one(tmp_path: Path) -> None:
    async def main() -> None:
        subject = catalog(tmp_path, Events())
        folder = toy.write_version(tmp_path, 1)
        (folder / "model.onnx").unlink()
        for number in (2, 3):
            toy.write_version(tmp_path, number)
        (tmp_path / "toy" / "3" / "golden.jsonl").unlink()
        toy.write_aliases(tmp_path, 7)
        await subject.refresh()
        with pytest.raises(NotReady, match="its champion is version 7, which is not in the model repository"):
            subject.resolve("toy")
        toy.write_aliases(tmp_path, 1)
        await subject.refresh()
        with pytest.raises(NotReady, match=r"version 1: model\.onnx is missing"):
            subject.resolve("toy")

    asyncio.run(main())


def test_it_is_ready_only_while_what_runs_the_models_answers(tmp_path: Path) -> None:
    answers = False
    toy.write_version(tmp_path, 1)

    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        backend = open_fused(tmp_path / "toy" / "1" / "model.onnx", app.inputs, Batching())
        monkeypatch.setattr(backend, "_available", lambda: answers)
        return backend

    async def main() -> None:
        nonlocal answers
        subject = Catalog([toy.app], Repository(tmp_path), open_backend, Events())
        plane = DataPlane(Settings(), subject)
        await subject.refresh()
        assert (plane.ready(), plane.model_ready("toy"), plane.index()[0].state) == (False, False, "UNAVAILABLE")
        answers = True
        assert (plane.ready(), plane.model_ready("toy"), plane.index()[0].state) == (True, True, "READY")
        await subject.close()
        assert not plane.ready()

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(main())


@pytest.mark.parametrize("name", ["golden.jsonl", "manifest.json", "model.onnx", "aliases.json"])
def test_reasons_name_no_path_of_the_server_and_the_log_does(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder or garbage in the place of a file: the operating system and the engine name the whole path."""
    events = Events()
    folder = toy.write_version(tmp_path, 1)
    broken = folder.parent / name if name == "aliases.json" else folder / name
    broken.unlink(missing_ok=True)
    if name == "model.onnx":
        broken.write_bytes(b"garbage")
        toy.write_manifest(folder, 1)
    else:
        broken.mkdir()
    if name == "golden.jsonl":
        sealed = msgspec.json.decode((folder / "manifest.json").read_bytes())
        del sealed["files"][name]
        (folder / "manifest.json").write_bytes(msgspec.json.encode(sealed))

    async def main() -> str:
        subject = catalog(tmp_path, events)
        await subject.refresh()
        if name == "aliases.json":
            return subject.versions("toy").problem
        with pytest.raises(NotReady) as refusal:
            subject.resolve("toy", 1)
        return refusal.value.message

    with caplog.at_level("WARNING"):
        public = asyncio.run(main())
    logged = caplog.text + "".join(reason for _, _, reason in events.seen)
    assert str(tmp_path) in logged
    assert str(tmp_path) not in public and name in public
