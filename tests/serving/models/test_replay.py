from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
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
from serving.models.loader import load
from serving.models.replay import _compare, _difference
from tests.serving import toy
from tests.serving.models.opened import open_version, rewrite_golden


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


def test_the_loop_serves_others_while_the_apps_own_code_runs(tmp_path: Path) -> None:
    """Features of some apps take a quarter of a second for all golden rows."""
    served, turns = threading.Event(), []

    def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            served.clear()
            turns.append(served.wait(10))
            return function(*given)

        return call

    app = replace(toy.app, features=waiting(toy.app.features), decide=waiting(toy.app.decide))
    toy.write_version(tmp_path, 1)

    async def serve() -> None:
        while True:
            served.set()
            await asyncio.sleep(0.001)

    async def main() -> None:
        async def open_backend(app: App[Any, Any, Any], manifest: Manifest) -> Backend:
            return open_fused(tmp_path / "toy" / "1" / "model.onnx", app.inputs, Batching())

        serving = asyncio.create_task(serve())
        loaded = await load(app, 1, Repository(tmp_path), open_backend)
        serving.cancel()
        await loaded.backend.close()

    asyncio.run(main())
    assert turns == [True, True]


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


def test_answers_with_lists_are_compared_item_by_item() -> None:
    """An answer's tuple stays a tuple as builtins, and JSON has lists only."""
    assert _difference({"a": [{"b": 1.0}]}, {"a": ({"b": 1.0},)}, "$") == ""
    assert _difference({"a": [{"b": 1.0}]}, {"a": ({"b": 2.0},)}, "$").startswith("$.a[0].b is 2.0")
    assert _difference({"a": [1]}, {"a": (1, 2)}, "$")


def test_a_mismatch_beyond_two_axes_still_has_a_label() -> None:
    actual = np.zeros((1, 2, 3))
    with pytest.raises(Refused, match="feature, b: is 0, was 9 in training"):
        _compare("feature", [[0, 0, 0, 0, 9, 0]], actual, ("a", "b", "c"), atol=0, rtol=0)
