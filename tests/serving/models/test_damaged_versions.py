"""Damage to one app's folder refuses that app's version, and another app of the same process never notices."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.kernel.app import App
from serving.kernel.app_values import Batching
from serving.kernel.backend import Backend
from serving.kernel.call import Call
from serving.kernel.errors import NotReady, Unavailable
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import Manifest
from serving.models.backends.onnx_local import open_fused
from serving.models.catalog import Catalog
from serving.observe.metrics import Metrics
from serving.observe.versions import VersionEvents
from tests.serving import toy
from tests.serving.models.opened import rewrite_golden

OTHER = replace(toy.app, name="other")
"""A second app, whose folder nobody touches."""


def other_version(root: Path, version: int = 1) -> None:
    """A whole version of the other app."""
    folder = toy.write_version(root / "made", version)
    toy.write_manifest(folder, version, of=OTHER)
    shutil.move(folder, root / OTHER.name / str(version))
    shutil.rmtree(root / "made")


def opened(root: Path, *apps: App[Any, Any, Any]) -> Catalog:
    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(root / app.name / str(manifest.version) / "model.onnx", app.inputs, Batching())

    return Catalog(apps or (toy.app, OTHER), Repository(root), open_backend, VersionEvents(Metrics()))


async def total(subject: Catalog, app: str) -> float:
    loaded = subject.resolve(app)
    outputs = await loaded.backend.submit(
        loaded.tensors,
        loaded.app.features([toy.Question(1.0, 2.0)], loaded.context),
        Call("test", time.monotonic() + 60),
    )
    return float(outputs["total"][0, 0])


def drop(part: str) -> Callable[[list[Any]], None]:
    return lambda lines: lines[2].pop(part)


def ragged(lines: list[Any]) -> None:
    lines[3]["features"]["features"].append(1.0)


def other_fields(lines: list[Any]) -> None:
    lines[1]["answer"] = {}


def nested(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b'{"context": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def nested_golden(folder: Path) -> None:
    (folder / "golden.jsonl").write_bytes(b'{"question": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n")
    toy.write_manifest(folder, 2)


def not_utf8(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"run"', b'"\xff\xfe"'))


def renamed_tensor(folder: Path) -> None:
    model = toy.model()
    model.graph.output[0].name = model.graph.node[0].output[0] = "sum"
    onnx.save(model, folder / "model.onnx")
    toy.write_manifest(folder, 2)


def a_folder_for_a_file(folder: Path) -> None:
    (folder / "golden.jsonl").unlink()
    (folder / "golden.jsonl").mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no features": (lambda folder: rewrite_golden(folder, drop("features")), "golden.jsonl: .*features"),
    "a row without a tensor": (
        lambda folder: rewrite_golden(folder, lambda lines: lines[4]["features"].clear()),
        "golden row 4: features has no features",
    ),
    "a row without an output": (
        lambda folder: rewrite_golden(folder, lambda lines: lines[4]["outputs"].clear()),
        "golden row 4: outputs has no total",
    ),
    "a field of the answer": (lambda folder: rewrite_golden(folder, other_fields), r"golden row 1: answer \$ has"),
    "no answer": (lambda folder: rewrite_golden(folder, drop("answer")), "golden.jsonl: .*answer"),
    "ragged rows": (lambda folder: rewrite_golden(folder, ragged), "golden row 3: features.features has 3 values"),
    "a manifest nested too deep": (nested, "manifest.json: "),
    "golden rows nested too deep": (nested_golden, "golden"),
    "a manifest that is not UTF-8": (not_utf8, "manifest.json: "),
    "a renamed tensor": (renamed_tensor, "total"),
    "a folder for a file": (a_folder_for_a_file, "golden.jsonl"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_refuses_the_version_and_nothing_else(tmp_path: Path, what: str) -> None:
    damage, reason = DAMAGE[what]
    toy.write_version(tmp_path, 1)
    folder = toy.write_version(tmp_path, 2)
    damage(folder)
    other_version(tmp_path)

    async def main() -> None:
        subject = opened(tmp_path)
        await subject.refresh()
        with pytest.raises(NotReady, match=f"refused: .*{reason}"):
            subject.resolve("toy", 2)
        assert await total(subject, "toy") == 3.0, "the version before it"
        assert await total(subject, "other") == 3.0
        await subject.close()

    asyncio.run(main())


def divides(questions: Any, context: Any) -> Any:
    return 1 / 0


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (replace(toy.app, features=divides), "ZeroDivisionError: division by zero"),
        (replace(toy.app, decide=lambda questions, outputs, context: []), "gives 0 answers to 8 questions"),
        (replace(toy.app, decide=divides), "TypeError"),
    ],
)
def test_an_apps_own_error_refuses_its_version_with_the_traceback_in_the_log(
    tmp_path: Path, app: Any, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    toy.write_version(tmp_path, 1)
    other_version(tmp_path)

    async def main() -> None:
        subject = opened(tmp_path, app, OTHER)
        await subject.refresh()
        with pytest.raises(NotReady, match=f"refused: .*{reason}"):
            subject.resolve("toy", 1)
        assert await total(subject, "other") == 3.0
        await subject.close()

    asyncio.run(main())
    if "Error" in reason:
        assert any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("name", ["²", "٣", "0", "01", "1" * 400, "-1", "1.0"])
def test_a_folder_that_only_looks_like_a_number_is_no_version(tmp_path: Path, name: str) -> None:
    toy.write_version(tmp_path, 1)
    (tmp_path / "toy" / name[:200]).mkdir()
    other_version(tmp_path)

    async def main() -> None:
        subject = opened(tmp_path)
        await subject.refresh()
        assert (await total(subject, "toy"), await total(subject, "other")) == (3.0, 3.0)
        await subject.close()

    asyncio.run(main())


def test_a_listing_that_fails_leaves_the_loaded_versions_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.write_version(tmp_path, 1)
    other_version(tmp_path)
    repository, failing = Repository(tmp_path), {"toy"}
    versions = Repository.versions

    def listed(self: Repository, app: str) -> list[int]:
        if app in failing and subject.versions("toy").loaded:
            raise PermissionError(13, "Permission denied")
        return versions(self, app)

    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(tmp_path / app.name / str(manifest.version) / "model.onnx", app.inputs, Batching())

    subject = Catalog([toy.app, OTHER], repository, open_backend, VersionEvents(Metrics()))
    monkeypatch.setattr(Repository, "versions", listed)

    async def main() -> None:
        await subject.refresh()
        other_version(tmp_path, 2)
        await subject.refresh()
        assert "Permission denied" in subject.versions("toy").problem
        assert await total(subject, "toy") == 3.0
        assert subject.resolve("other").number == 2, "the other app goes on"
        failing.clear()
        await subject.refresh()
        assert subject.versions("toy").problem == ""
        await subject.close()

    asyncio.run(main())


def damage_at_random(folder: Path, number: random.Random) -> None:
    """Change, cut, delete, replace or add one thing below `folder`."""
    paths = sorted(path for path in folder.rglob("*"))
    path = number.choice(paths)
    how = number.randrange(6)
    if path.is_symlink() or path.is_fifo():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
        if how % 2:
            path.write_bytes(number.randbytes(20))
    else:
        damage_file(path, how, number)


def damage_file(path: Path, how: int, number: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if how == 0:
        path.unlink()
    elif how == 1:
        path.write_bytes(content[: number.randrange(len(content) + 1)])
    elif how == 2:
        path.write_bytes(number.randbytes(number.randrange(200)))
    elif how == 3:
        path.unlink()
        path.symlink_to(number.choice(["/dev/null", "/dev/zero", "nowhere", path.name, ".."]))
    elif how == 4:
        path.unlink()
        number.choice([path.mkdir, lambda: os.mkfifo(path)])()
    else:
        for _ in range(number.randrange(1, 9) if content else 0):
            content[number.randrange(len(content))] = number.randrange(256)
        path.write_bytes(content)
        siblings = [one for one in path.parent.iterdir() if one.is_file()]
        if path.name != "manifest.json" and path.parent.name.isdigit() and len(siblings) == 3:
            # The digests fit, so what reads the file itself has to notice.
            toy.write_manifest(path.parent, int(path.parent.name))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_random_damage_to_one_app_never_reaches_another(tmp_path: Path, seed: int) -> None:
    number = random.Random(seed)
    root = Path(tempfile.mkdtemp(dir=tmp_path))
    toy.write_version(root, 1)
    toy.write_version(root, 2)
    toy.write_aliases(root, 2, 1)
    other_version(root)

    async def main() -> None:
        subject = opened(root)
        if number.random() < 0.5:
            await subject.refresh()
        for _ in range(number.randrange(1, 5)):
            if (root / "toy").is_dir() and any((root / "toy").iterdir()):
                damage_at_random(root / "toy", number)
            await subject.refresh()
            assert await total(subject, "other") == 3.0
        shutil.rmtree(root / "toy", ignore_errors=True)
        toy.write_version(root, 9, (2.0, 2.0))
        await subject.refresh()
        assert await total(subject, "other") == 3.0
        assert await total(subject, "toy") == 6.0, "a whole version ends it"
        await subject.close()

    asyncio.run(main())
    shutil.rmtree(root)


def test_a_slow_old_version_delays_neither_the_champion_nor_another_app(tmp_path: Path) -> None:
    """What waits is held by an event, so nothing here depends on the clock."""
    for version in (1, 2, 3):
        toy.write_version(tmp_path, version)
    toy.write_aliases(tmp_path, 3)
    other_version(tmp_path)

    async def main() -> None:
        released = asyncio.Event()

        async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
            if app.name == "toy" and manifest.version != 3:
                await released.wait()
                raise Unavailable("the model server cannot be reached")
            return open_fused(tmp_path / app.name / str(manifest.version) / "model.onnx", app.inputs, Batching())

        subject = Catalog([toy.app, OTHER], Repository(tmp_path), open_backend, VersionEvents(Metrics()))
        while not subject.ready():
            await subject.refresh(0.05)
        other_version(tmp_path, 2)
        toy.write_version(tmp_path, 4)
        while subject.resolve("other").number != 2:
            await subject.refresh(0.05)
        with pytest.raises(NotReady, match="version 1 is not ready: it is being loaded"):
            subject.resolve("toy", 1)
        assert await total(subject, "toy") == 3.0
        released.set()
        await subject.refresh()
        with pytest.raises(NotReady, match="cannot be reached"):
            subject.resolve("toy", 1)
        await subject.close()

    asyncio.run(main())
