from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.kernel.tensors import TensorSpec
from serving.models.loaded_version import open_explainer
from tests.serving import toy
from tests.serving.models.opened import open_version


def test_an_explainer_is_opened_once_in_a_thread_and_a_broken_one_fails_when_it_is_used(
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


def test_questions_with_free_axes_are_batched_by_the_apps_buckets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.write_version(tmp_path, 1)
    (tmp_path / "values.yaml").write_text("batching: {length_buckets: [4, 8]}")
    monkeypatch.setattr(type(toy.app), "folder", tmp_path)
    loaded = open_version(tmp_path)
    fixed = loaded.tensors
    free = replace(loaded, app=replace(toy.app, inputs=(TensorSpec("features", "FP32", (-1, -1)),))).tensors
    rows = [{"features": np.zeros((1, length), np.float32)} for length in (2, 3)]
    assert len({fixed.batch_key(row) for row in rows}) == 2
    assert len({free.batch_key(row) for row in rows}) == 1


def test_an_app_without_explanations_says_so(tmp_path: Path) -> None:
    toy.write_version(tmp_path, 1)
    loaded = open_version(tmp_path)
    asyncio.run(open_explainer(loaded))
    with pytest.raises(LookupError, match="toy has no explanations"):
        loaded.explainer()
