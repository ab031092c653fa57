from __future__ import annotations

import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from serving.models.backends import onnx_session
from serving.models.backends.onnx_session import ENGINE_ERRORS, LARGE, Sessions
from tests.serving.models import models

DIGEST = "0123"
ROWS = {"x": np.random.default_rng(1).normal(size=(5, 1024)).astype(np.float32)}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = models.dense(tmp_path_factory.mktemp("large") / "model.onnx")
    assert path.stat().st_size > LARGE
    return path


def answer(session: ort.InferenceSession) -> np.ndarray:
    (result,) = session.run(None, ROWS)
    return np.asarray(result)


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "onnx").iterdir())


def test_a_prepared_model_gives_the_very_same_answers(large: Path, tmp_path: Path) -> None:
    wanted = answer(Sessions().open(large, 1, DIGEST))
    first = Sessions(cache=tmp_path).open(large, 1, DIGEST)
    (entry,) = entries(tmp_path)
    stamp = (entry / "weights.bin").stat().st_mtime_ns
    second = Sessions(cache=tmp_path).open(large, 2, DIGEST)
    for session in (first, second):
        np.testing.assert_array_equal(answer(session), wanted)
        assert Path(session._model_path) == entry / "model.onnx"
    assert entries(tmp_path) == [entry]
    assert (entry / "weights.bin").stat().st_mtime_ns == stamp


def test_other_weights_and_other_machines_have_entries_of_their_own(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for digest, features in (("a", "avx2"), ("b", "avx2"), ("a", "avx512"), ("a", "avx2")):
        monkeypatch.setattr(onnx_session, "_cpu_features", lambda found=features: found)
        Sessions(cache=tmp_path).open(large, 1, digest)
    assert len(entries(tmp_path)) == 3


def test_small_models_and_models_without_a_digest_are_not_kept(large: Path, tmp_path: Path) -> None:
    Sessions(cache=tmp_path / "cache").open(models.negate(tmp_path / "small.onnx"), 1, DIGEST)
    Sessions(cache=tmp_path / "cache").open(large, 1)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["model.onnx", "weights.bin"])
@pytest.mark.parametrize("sealed", [False, True], ids=["noticed-by-its-sum", "noticed-at-opening"])
def test_a_half_written_entry_is_made_again(large: Path, tmp_path: Path, name: str, sealed: bool) -> None:
    wanted = answer(Sessions(cache=tmp_path).open(large, 1, DIGEST))
    (entry,) = entries(tmp_path)
    path = entry / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    if sealed:
        from serving.models.backends.graph_cache import _seal

        (entry / "entry.json").unlink()
        _seal(entry)
    np.testing.assert_array_equal(answer(Sessions(cache=tmp_path).open(large, 1, DIGEST)), wanted)
    assert path.read_bytes() == whole


def test_a_model_without_weights_to_map_is_prepared_once_and_opened_as_it_is(tmp_path: Path) -> None:
    path = models.trees(tmp_path / "trees.onnx")
    assert path.stat().st_size > LARGE
    for _ in range(2):
        session = Sessions(cache=tmp_path / "cache").open(path, 1, DIGEST)
        assert Path(session._model_path) == path
        (entry,) = entries(tmp_path / "cache")
        assert [item.name for item in entry.iterdir()] == ["entry.json"]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Files may not become larger than `size` bytes, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_only_means_that_nothing_is_kept(
    large: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = Sessions(cache=tmp_path)
    with room_for(2**20):
        session = sessions.open(large, 1, DIGEST)
    np.testing.assert_array_equal(answer(session), answer(Sessions().open(large, 1)))
    assert entries(tmp_path) == []
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * len(caplog.records)


def test_a_read_only_folder_only_means_that_nothing_is_kept(large: Path, caplog: pytest.LogCaptureFixture) -> None:
    session = Sessions(cache=Path("/proc/slipway")).open(large, 1, DIGEST)
    np.testing.assert_array_equal(answer(session), answer(Sessions().open(large, 1)))
    (record,) = caplog.records
    assert "nothing is cached in /proc/slipway/onnx" in record.message


@pytest.mark.parametrize("asked", [("cuda",), ("tensorrt", "cuda"), ("cuda", "cpu")])
def test_a_provider_that_is_not_built_in_is_said_once_and_done_without(
    asked: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = models.negate(tmp_path / "model.onnx")
    sessions = Sessions(asked)
    for _ in range(2):
        session = sessions.open(path, 1)
        assert session.get_providers() == ["CPUExecutionProvider"]
        assert answer(session).tolist() == (-ROWS["x"]).tolist()
    (record,) = caplog.records
    assert "asks for tensorrt and cuda" in record.message or "asks for cuda" in record.message
    assert "CPUExecutionProvider" in record.message
    assert "pip install 'slipway[gpu]'" in record.message


def test_after_the_cpu_nothing_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    Sessions(("cpu", "cuda"))
    assert caplog.records == []


@pytest.mark.parametrize(("asked", "loads"), [(("cuda", "cpu"), 1), (("cpu", "cuda"), 0)])
def test_the_cuda_libraries_of_the_environment_are_loaded_before_the_first_model(
    asked: tuple[str, ...], loads: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """They are none here: what ONNX Runtime would say of them is played."""
    monkeypatch.setitem(onnx_session.PROVIDERS, "cuda", "AzureExecutionProvider")
    calls: list[str] = []

    def preload(*, directory: str) -> None:
        calls.append(directory)
        print("Failed to load libcublas.so.13")

    monkeypatch.setattr(ort, "preload_dlls", preload)
    Sessions(asked)
    assert calls == [""] * loads
    assert capfd.readouterr().out == ""


def test_a_provider_that_does_not_start_is_said_once_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no GPU here: a provider that is built in stands for one, and its refusal is played."""
    monkeypatch.setitem(onnx_session.PROVIDERS, "cuda", "AzureExecutionProvider")
    path = models.negate(tmp_path / "model.onnx")
    real = ort.InferenceSession

    def refuses(*args: object, providers: list[tuple[str, object]], **more: object) -> ort.InferenceSession:
        if providers[0][0] == "AzureExecutionProvider":
            raise RuntimeError("CUDA failure 100: no CUDA-capable device is detected")
        return real(*args, providers=providers, **more)

    monkeypatch.setattr(ort, "InferenceSession", refuses)
    sessions = Sessions(("cuda",))
    for _ in range(2):
        assert sessions.open(path, 1).get_providers() == ["CPUExecutionProvider"]
    (record,) = caplog.records
    assert "cuda did not start, models run on cpu" in record.message
    assert "no CUDA-capable device" in record.message


def test_a_broken_model_is_the_models_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\0" * (LARGE + 1))
    with pytest.raises(ENGINE_ERRORS):
        Sessions(cache=tmp_path / "cache").open(path, 1, DIGEST)
    assert entries(tmp_path / "cache") == []
