from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from serving.kernel.app_values import Batching
from serving.kernel.errors import BackendFailed, DeadlineExceeded, Invalid, RowsRejected
from serving.kernel.tensors import Arrays, TensorSpec
from serving.models.backends import onnx_local
from serving.models.backends.onnx_local import open_fused
from serving.models.backends.onnx_session import Sessions
from serving.models.batching.batch_kinds import TensorBatches
from serving.models.batching.batcher import Batcher
from tests.serving import toy
from tests.serving.models import models
from tests.serving.models.models import call, spec


class Watched(TensorBatches):
    """Notes the thread in which each batch is joined, and its rows."""

    def __init__(self, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> None:
        super().__init__(inputs, outputs)
        self.batches: list[tuple[bool, int]] = []

    def join(self, payloads: Sequence[Arrays]) -> Arrays:
        joined = super().join(payloads)
        on_loop = threading.current_thread() is threading.main_thread()
        self.batches.append((on_loop, len(next(iter(joined.values())))))
        return joined


def allow_on_the_loop(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Batches of so many seconds run on the loop, whatever they hold."""
    monkeypatch.setattr(onnx_local, "INLINE_BUDGET", seconds)
    monkeypatch.setattr(onnx_local, "INLINE_MOST", seconds)


def ask(batcher: Batcher, kind: TensorBatches, arrays: list[Any], seconds: float = 10.0) -> list[Any]:
    """The outputs `y`, or the errors, of requests sent at once; closes the batcher."""

    async def main() -> list[Any]:
        sent = [batcher.submit(kind, {"x": array}, call(seconds)) for array in arrays]
        answers = await asyncio.gather(*sent, return_exceptions=True)
        await batcher.close()
        return [each if isinstance(each, BaseException) else each["y"] for each in answers]

    return asyncio.run(main())


@pytest.mark.parametrize(("budget", "on_loop"), [(10.0, True), (0.0, False)])
def test_quick_and_slow_models_answer_alike(
    tmp_path: Path, budget: float, on_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_on_the_loop(monkeypatch, budget)
    onnx.save(toy.model((2.0, 3.0)), tmp_path / "model.onnx")
    kind = Watched(toy.app.inputs, toy.app.outputs)

    async def main() -> list[Arrays]:
        batcher = open_fused(tmp_path / "model.onnx", toy.app.inputs, Batching(max_rows=4))
        rows = [np.array([[i, 1.0]], np.float32) for i in range(20)]
        answers = await asyncio.gather(*(batcher.submit(kind, {"features": row}, call()) for row in rows))
        await batcher.close()
        return answers

    answers = asyncio.run(main())
    assert [answer["total"].item() for answer in answers] == [2.0 * i + 3.0 for i in range(20)]
    assert {where for where, _ in kind.batches} == {on_loop}


def run_with_costs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, each: float, requests: Sequence[Sequence[int]]
) -> list[tuple[bool, int]]:
    """Groups of requests sent together, by their rows, through a model said to take `each` seconds for a row."""
    monkeypatch.setattr(onnx_local, "_seconds", lambda run, inputs, batching, rows, own: each * rows)
    kind = Watched(spec("x", "FP32", 2), spec("y", "FP32", 2))
    batcher = open_fused(models.negate(folder / "m.onnx"), spec("x", "FP32", 2), Batching(max_rows=256))

    async def main() -> None:
        for group in requests:
            rows = [np.ones((size, 2), np.float32) for size in group]
            answers = await asyncio.gather(*(batcher.submit(kind, {"x": array}, call()) for array in rows))
            for answer, array in zip(answers, rows, strict=True):
                np.testing.assert_array_equal(answer["y"], -array)
        await batcher.close()

    asyncio.run(main())
    return kind.batches


def test_small_batches_of_a_slow_model_stay_on_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each = 2 * onnx_local.INLINE_SHARE
    most = int(onnx_local.INLINE_BUDGET / each * 1.001)
    groups = [(most,), (most + 1,), (4 * most,), (1,), (1,) * (2 * most)]
    batches = run_with_costs(tmp_path, monkeypatch, 0.999 * each, groups)
    assert batches == [(True, most), (False, most + 1), (False, 4 * most), (True, 1), (False, 2 * most)]


def test_many_fast_requests_run_on_the_loop_and_large_ones_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    each = onnx_local.INLINE_SHARE / 2
    most = int(onnx_local.INLINE_MOST / each)
    batches = run_with_costs(tmp_path, monkeypatch, each, [(1,) * 64, (64,), (32, 32), (1,) * (most + 1)])
    assert batches == [(True, 64), (False, 64), (False, 64), (False, most + 1)]


@pytest.mark.parametrize(
    ("inputs", "buckets", "quick"),
    [(spec("x", "FP32", 2), (), True), (spec("x", "FP32", -1), (), False), (spec("x", "FP32", -1), (4, 16), True)],
    ids=["fixed", "any-length", "buckets"],
)
def test_a_model_of_any_length_is_never_taken_for_quick(
    tmp_path: Path, inputs: tuple[TensorSpec, ...], buckets: tuple[int, ...], quick: bool
) -> None:
    run = onnx_local.runner(Sessions().open(models.negate(tmp_path / "m.onnx"), 1))
    cost = onnx_local._cost(run, inputs, Batching(max_rows=8, length_buckets=buckets))
    assert math.isfinite(cost(1)) == math.isfinite(cost(8)) == quick


@pytest.mark.parametrize(
    ("worked", "own_thread", "expected"),
    [(0.001, True, 0.001), (0.001, False, 0.5), (0.0, True, 0.5), (0.75, True, 0.5)],
    ids=["it waited for others", "an accelerator worked", "a clock of coarse ticks", "a tick too many"],
)
def test_a_model_is_not_slow_because_its_thread_had_to_wait(
    worked: float, own_thread: bool, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall, thread = [0.0], [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: wall[0])
    monkeypatch.setattr(time, "thread_time", lambda: thread[0])

    def run(inputs: Arrays, options: Any) -> Arrays:
        wall[0] += 0.5
        thread[0] += worked
        return inputs

    assert onnx_local._seconds(run, spec("x", "FP32", 2), Batching(), 1, own_thread) == expected


class Counted(Sessions):
    """Notes with how many threads each session is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.cpus = 6
        self.threads: list[int] = []

    def open(self, path: Path, threads: int, digest: str = "") -> Any:
        session = super().open(path, threads, digest)
        self.threads.append(session.get_session_options().intra_op_num_threads)
        return session


@pytest.mark.parametrize(
    ("make", "budget", "expected"),
    [
        (models.negate, 10.0, [1]),
        (models.negate, 0.0, [1, 6]),
        (models.dense, 10.0, [1]),
        (models.dense, 0.0, [1, 6]),
    ],
    ids=["quick", "slow", "large-quick", "large-slow"],
)
def test_threads_are_for_models_that_need_them(
    tmp_path: Path,
    make: Callable[[Path], Path],
    budget: float,
    expected: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allow_on_the_loop(monkeypatch, budget)
    sessions = Counted()
    batcher = open_fused(make(tmp_path / "m.onnx"), spec("x", "FP32", 1024), Batching(), sessions=sessions)
    width = np.ones((1, 1024), np.float32)
    (answer,) = ask(batcher, TensorBatches(spec("x", "FP32", 1024), spec("y", "FP32", 1024)), [width])
    assert answer.shape == (1, 1024)
    assert sessions.threads == expected


@pytest.mark.parametrize("budget", [10.0, 0.0], ids=["inline", "threaded"])
def test_a_row_the_engine_refuses_fails_alone(
    tmp_path: Path, budget: float, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    allow_on_the_loop(monkeypatch, budget)
    inputs = spec("x", "INT64", 1)
    for model in ("", "table"):
        batcher = open_fused(models.table(tmp_path / "m.onnx"), inputs, Batching())
        rows = [np.array([[i]]) for i in (0, 1, 99, 2)]
        first, second, bad, last = ask(batcher, TensorBatches(inputs, spec("y", "FP32", 1), model=model), rows)
        assert [answer.item() for answer in (first, second, last)] == [10.0, 20.0, 30.0]
        if model:
            assert isinstance(bad, Invalid)
            assert "the model table does not take" in str(bad) and "idx=99 must be within" in str(bad)
        else:
            assert isinstance(bad, BackendFailed)
            assert "99" not in str(bad)
    assert capfd.readouterr().err == "", "the engine's own lines are not JSON"


@pytest.mark.parametrize("budget", [10.0, 0.0], ids=["inline", "threaded"])
def test_a_lack_of_memory_is_a_fault_of_the_server(
    tmp_path: Path, budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_on_the_loop(monkeypatch, budget)
    inputs = spec("x", "INT64", 1)
    nodes = [models.node("Reshape", "x one", "size"), models.node("Expand", "w size")]
    constants = {"w": np.float32([[1]]), "one": np.array([1])}
    path = models.save(tmp_path / "m.onnx", nodes, ("INT64", "FP32"), constants)
    batcher = open_fused(path, inputs, Batching())
    (failed,) = ask(batcher, TensorBatches(inputs, spec("y", "FP32", -1), model="m"), [np.array([[2**45]])])
    assert isinstance(failed, BackendFailed) and not isinstance(failed, RowsRejected)
    assert "allocate" in str(failed.__cause__)


def test_text_may_come_as_bytes_and_goes_as_text(tmp_path: Path) -> None:
    inputs = spec("x", "BYTES", 1)
    batcher = open_fused(models.echo(tmp_path / "m.onnx", "BYTES"), inputs, Batching())
    given = [np.array([[value]], object) for value in ("é", "é".encode(), b"\xff", "")]
    text, octets, bad, empty = ask(batcher, TensorBatches(inputs, spec("y", "BYTES", 1)), given)
    assert (text.item(), octets.item(), empty.item()) == ("é", "é", "")
    assert isinstance(bad, Invalid)
    assert "UTF-8" in str(bad)


@pytest.mark.parametrize("budget", [10.0, 0.0], ids=["inline", "threaded"])
def test_bfloat16_is_float32_here_and_rounded_there(
    tmp_path: Path, budget: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_on_the_loop(monkeypatch, budget)
    inputs = spec("x", "BF16", 2)
    batcher = open_fused(models.echo(tmp_path / "m.onnx", "BF16"), inputs, Batching())
    rows = [np.array([[1 + 1 / 512, 3e38], [-2.5, np.nan]], np.float32), np.zeros((1, 2), np.float32)]
    first, second = ask(batcher, TensorBatches(inputs, spec("y", "BF16", 2)), rows)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, np.array([[1.0, np.float32(3.0040553e38)], [-2.5, np.nan]], np.float32))
    assert second.tolist() == [[0.0, 0.0]]


@pytest.fixture
def endings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """How each run of a session ended: empty, or the engine's error."""
    found: list[str] = []
    real = onnx_local.runner

    def watched(session: Any) -> onnx_local.Run:
        run = real(session)

        def noting(*args: Any) -> Arrays:
            try:
                outputs = run(*args)
            except Exception as error:
                found.append(str(error))
                raise
            found.append("")
            return outputs

        return noting

    monkeypatch.setattr(onnx_local, "runner", watched)
    return found


@pytest.mark.parametrize("how", ["deadline", "closed"])
def test_a_run_that_nobody_waits_for_is_stopped(tmp_path: Path, endings: list[str], how: str) -> None:
    inputs = spec("x", "FP32", -1)
    kind = TensorBatches(inputs, spec("y", "FP32", -1))
    large, small = np.ones((1, 4_000_000), np.float32), np.ones((1, 1), np.float32)

    async def main() -> None:
        batcher = open_fused(models.slow(tmp_path / "m.onnx"), inputs, Batching(max_rows=2))
        if how == "deadline":
            with pytest.raises(DeadlineExceeded):
                await batcher.submit(kind, {"x": large}, call(0.1))
            await batcher.submit(kind, {"x": small}, call(60))
        else:
            gone = batcher.submit(kind, {"x": large}, call(60))
            await asyncio.sleep(0.1)
            gone.cancel()
        await batcher.close()

    asyncio.run(main())
    ends = time.monotonic() + 60
    while any(thread.name.startswith("onnx") for thread in threading.enumerate()):
        assert time.monotonic() < ends
        time.sleep(0.01)
    assert "terminate flag" in max(endings, key=len)
    assert sorted(map(bool, endings)) == ([False, True] if how == "deadline" else [True])


def test_onnx_runtime_reports_to_nobody(tmp_path: Path) -> None:
    """Its telemetry leaves a session file in the temporary folder when it is on."""
    code = "import serving.models.backends.onnx_local"
    environ = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    for command in (code, code.replace("serving.models.backends.onnx_local", "onnxruntime")):
        subprocess.run([sys.executable, "-c", command], env={**environ, "TMPDIR": str(tmp_path)}, check=True)
        if "serving" in command:
            assert list(tmp_path.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == [".ses"], "it is no longer on: the setting can go"


def test_a_model_that_takes_no_zeros_is_opened(tmp_path: Path) -> None:
    """Its time cannot be measured with blank rows."""
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Div", ["top", "x"], ["y"])],
        "divide",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.INT64, ["n", 1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT64, ["n", 1])],
        [onnx.helper.make_tensor("top", onnx.TensorProto.INT64, [1], [12])],
    )
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    inputs, outputs = spec("x", "INT64", 1), spec("y", "INT64", 1)
    batcher = open_fused(tmp_path / "m.onnx", inputs, Batching())
    (found,) = ask(batcher, TensorBatches(inputs, outputs), [np.array([[3], [4]])])
    assert found.tolist() == [[4], [3]]
