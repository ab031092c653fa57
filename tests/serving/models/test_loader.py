from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest

from serving.kernel.app import App
from serving.kernel.app_values import Batching
from serving.kernel.backend import Backend
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Manifest
from serving.models.backends.onnx_local import open_fused
from serving.models.loader import LoadedVersion, _compare, _difference, load, open_explainer
from tests.serving import collected, toy


def open_version(root: Path, app: App[Any, Any, Any] = toy.app) -> LoadedVersion:
    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(root / "toy" / "1" / "model.onnx", app.inputs, Batching())

    return asyncio.run(load(app, 1, Repository(root), open_backend))


def rewrite_golden(folder: Path, change: Any) -> None:
    lines = [msgspec.json.decode(line) for line in (folder / "golden.jsonl").read_bytes().splitlines()]
    change(lines)
    (folder / "golden.jsonl").write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines))
    toy.write_manifest(folder, 1)


def test_a_whole_version_loads_with_its_context(tmp_path: Path) -> None:
    toy.write_version(tmp_path, 1, context=toy.Context(shift=2.0))
    loaded = open_version(tmp_path)
    assert loaded.number == 1
    assert loaded.context == toy.Context(shift=2.0)


def test_other_feature_code_is_refused_with_row_and_feature(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    rewrite_golden(folder, lambda lines: lines[3]["features"].update(features=[3.0, 99.0]))
    with pytest.raises(Refused, match=r"golden row 3: feature tensor features, b: is -1, was 99 in training"):
        open_version(tmp_path)


def test_a_missing_value_is_not_the_same_as_a_number(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    rewrite_golden(folder, lambda lines: lines[0]["features"].update(features=[None, 0.0]))
    with pytest.raises(Refused, match=r"golden row 0: .* a: is 0, was nan"):
        open_version(tmp_path)


def test_a_model_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    onnx.save(toy.model((1.0, 1.5)), folder / "model.onnx")
    toy.write_manifest(folder, 1)
    with pytest.raises(Refused, match=r"golden row 1: output total"):
        open_version(tmp_path)


def test_other_decisions_are_refused_with_the_field(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    rewrite_golden(folder, lambda lines: lines[2]["answer"].update(total=7.0))
    with pytest.raises(Refused, match=r"golden row 2: answer \$.total is"):
        open_version(tmp_path)


class Parts(msgspec.Struct, frozen=True):
    parts: tuple[float, ...]


def test_tuples_of_an_answer_are_the_arrays_of_its_golden_row(tmp_path: Path) -> None:
    app = replace(
        toy.app,
        answer=Parts,
        decide=lambda _, outputs, __: [Parts(parts=(value, 0.5)) for value in outputs["total"][:, 0].tolist()],
    )
    folder = toy.write_version(tmp_path, 1)

    def change(lines: list[Any]) -> None:
        for line in lines:
            line["answer"] = {"parts": [line["answer"]["total"], 0.5]}

    rewrite_golden(folder, change)
    assert open_version(tmp_path, app).number == 1
    rewrite_golden(folder, lambda lines: lines[2]["answer"].update(parts=[]))
    with pytest.raises(Refused, match=r"golden row 2: answer \$.parts is"):
        open_version(tmp_path, app)


def test_questions_that_are_refused_today_are_named(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    rewrite_golden(folder, lambda lines: lines[0]["question"].update(a=1e7))
    with pytest.raises(Refused, match="today's code refuses a question"):
        open_version(tmp_path)


def test_no_golden_rows_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    rewrite_golden(folder, lambda lines: lines.clear())
    with pytest.raises(Refused, match="no rows"):
        open_version(tmp_path)


def test_another_signature_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["feature_names"] = ["a", "c"]
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(Refused, match="feature_names: trained with c where the app has b"):
        open_version(tmp_path)


def test_a_context_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["context"] = {"shift": "much"}
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(Refused, match=r"context: Expected `float`"):
        open_version(tmp_path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    folder = toy.write_version(tmp_path, 1)
    (folder / "model.onnx").write_bytes(b"not a model")
    toy.write_manifest(folder, 1)
    with pytest.raises(Refused, match="the model cannot be opened"):
        open_version(tmp_path)


def test_answers_with_lists_are_compared_item_by_item() -> None:
    """An answer's tuple stays a tuple as builtins, and JSON has lists only."""
    assert _difference({"a": [{"b": 1.0}]}, {"a": ({"b": 1.0},)}, "$") == ""
    assert _difference({"a": [{"b": 1.0}]}, {"a": ({"b": 2.0},)}, "$").startswith("$.a[0].b is 2.0")
    assert _difference({"a": [1]}, {"a": (1, 2)}, "$")


def test_a_mismatch_beyond_two_axes_still_has_a_label() -> None:
    actual = np.zeros((1, 2, 3))
    with pytest.raises(Refused, match="feature, b: is 0, was 9 in training"):
        _compare("feature", [[0, 0, 0, 0, 9, 0]], actual, ("a", "b", "c"), atol=0, rtol=0)


def open_collected(root: Path) -> LoadedVersion:
    async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
        return open_fused(root / app.name / "1" / "model.onnx", app.inputs, Batching())

    return asyncio.run(load(collected.app, 1, Repository(root), open_backend))


def test_the_encoder_is_opened_with_the_version(tmp_path: Path) -> None:
    collected.write_version(tmp_path, 1)
    assert open_collected(tmp_path).encoder is not None
    collected.write_version(tmp_path / "old", 1, None)
    assert open_collected(tmp_path / "old").encoder is None


def test_an_encoder_that_is_not_what_the_app_wants_is_refused(tmp_path: Path) -> None:
    collected.write_version(tmp_path / "zero", 1, [0.0] * collected.WIDTH)
    with pytest.raises(Refused, match=r"encoder.onnx: the vector of the example has length 0, not 1"):
        open_collected(tmp_path / "zero")
    folder = collected.write_version(tmp_path / "other", 1)
    onnx.save(toy.model(), folder / "encoder.onnx")
    with pytest.raises(Refused, match=r"encoder.onnx: sha256"):
        open_collected(tmp_path / "other")
    toy.write_manifest(folder, 1, of=collected.app)
    with pytest.raises(Refused, match=r"encoder.onnx: takes \['features'\]"):
        open_collected(tmp_path / "other")


def test_an_explainer_is_opened_once_off_the_loop_and_a_broken_one_is_told_when_asked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    toy.write_version(tmp_path, 1)
    opened: list[tuple[Path, toy.Context, bool]] = []

    def explainer(folder: Path, context: toy.Context) -> Any:
        opened.append((folder, context, threading.current_thread() is threading.main_thread()))
        if len(opened) > 1:
            raise OSError("no such booster")
        return lambda questions, inputs: list(questions)

    explained = replace(toy.app, explainer=explainer)
    loaded, broken = open_version(tmp_path, explained), open_version(tmp_path, explained)
    asyncio.run(open_explainer(loaded))
    assert opened == [(tmp_path / "toy" / "1", toy.Context(), False)]
    assert loaded.explainer()([1], {}) == [1] and len(opened) == 1
    with caplog.at_level(logging.WARNING):
        asyncio.run(open_explainer(broken))
    assert "toy 1 cannot explain its answers" in caplog.text
    with pytest.raises(OSError, match="no such booster"):
        broken.explainer()
