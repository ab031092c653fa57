"""Parity: the native model, ONNX Runtime and Triton must give the same answers on the same rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serving.kernel.app import App
from serving.kernel.app_values import Values
from serving.kernel.collection import EMBEDDING
from serving.kernel.storage.version_manifest import MODEL_NAME, Parity
from serving.kernel.tensors import Arrays
from training.onnx.config_pbtxt import config_pbtxt
from training.onnx.triton import running
from training.recipe import EncoderExport, Recipe

__all__ = ["ROWS", "compare", "encoder_report", "filled", "onnx_model", "parity_line", "report", "triton_model"]

Model = Callable[[Arrays], Arrays]

ROWS = 1000
"""Fewest rows for parity."""
SINGLES = 256
"""Rows that are also run one at a time."""
CHUNK = 512
MOVED = 1e-3
"""How far the values of a copy may move, relative to their size."""


def report(
    recipe: Recipe[Any], native: Model, model: Path, inputs: Arrays, values: Values | None = None
) -> tuple[Parity, ...]:
    """Run `inputs` through every runtime and compare the outputs. Includes Triton when `values` is given.

    Raises `ValueError` for fewer than `ROWS` rows, and `TritonError` when Triton does not start.
    """
    rows = _rows(inputs)
    if rows < ROWS:
        raise ValueError(f"parity_inputs: {rows} rows; expected at least {ROWS}")
    local = onnx_model(model)
    wanted, found = native(inputs), local(inputs)
    lines = compare(recipe, "native/onnxruntime", wanted, found)
    # The last rows are the extreme ones, so take some from both ends.
    some = np.unique(np.r_[0 : min(rows, SINGLES // 2), max(0, rows - SINGLES // 2) : rows])
    single = _join([local(_take(inputs, [index])) for index in some])
    lines += compare(recipe, "onnxruntime/one at a time", _take(found, some), single)
    if values is not None:
        lines += compare(recipe, "native/triton", wanted, triton_model(recipe.app, model, inputs, values))
    return tuple(lines)


def filled(inputs: Arrays, held_out: int) -> Arrays:
    """Add copies of the held-out rows if the set is small: `held_out`, its test rows, are fewer than `ROWS`.

    `inputs` begins with the held-out rows. Each value of a copy comes from one of two rows, and values that are no
    whole numbers move a little. The copies stand between the held-out rows and the unusual ones.
    """
    rows = _rows(inputs)
    own = min(held_out, rows)
    if rows >= ROWS or held_out >= ROWS or own == 0:
        return inputs
    rng = np.random.default_rng(7)
    left, right = rng.integers(0, own, (2, ROWS - own))
    made = {}
    for name, array in inputs.items():
        copies = np.where(rng.random(array[left].shape) < 0.5, array[left], array[right])
        if np.issubdtype(copies.dtype, np.floating):
            moves = np.isfinite(copies) & (copies != np.round(copies))
            factor = 1 + MOVED * rng.uniform(-1, 1, copies.shape)
            copies = np.where(moves, copies * np.where(moves, factor, 1.0), copies)
        made[name] = np.concatenate([array[:own], copies.astype(array.dtype), array[own:]])
    return made


def encoder_report(
    app: App[Any, Any, Any], encoder: EncoderExport, path: Path, held_out: int = ROWS
) -> tuple[Parity, ...]:
    """Compare the native encoder with its graph; a set with few rows is filled up as in `filled`.

    Raises `ValueError` for fewer than `ROWS` rows of a larger set.
    """
    inputs = filled(encoder.inputs, held_out)
    rows = _rows(inputs)
    if rows < ROWS:
        raise ValueError(f"encoder: {rows} rows to compare; expected at least {ROWS}")
    wanted, found = encoder.predict(inputs), onnx_model(path)(inputs)
    error = _errors(wanted[EMBEDDING], found[EMBEDDING])
    return (parity_line("encoder native/onnxruntime", EMBEDDING, error, app.tolerance, 0),)


def compare(recipe: Recipe[Any], pair: str, wanted: Arrays, found: Arrays) -> list[Parity]:
    """One line per output. NaN equals NaN and infinity itself; their error against any other value is infinite."""
    flips = _flips(recipe.decisions(wanted), recipe.decisions(found), recipe.app.tolerance)
    lines = []
    for spec in recipe.app.outputs:
        if wanted[spec.name].shape != found[spec.name].shape:
            raise ValueError(f"{pair}: {spec.name} has shapes {wanted[spec.name].shape}, {found[spec.name].shape}")
        error = _errors(wanted[spec.name], found[spec.name])
        lines.append(parity_line(pair, spec.name, error, recipe.app.tolerance, flips))
    return lines


def onnx_model(path: Path) -> Model:
    """The exported model, run in this process."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [item.name for item in session.get_outputs()]

    def run(inputs: Arrays) -> Arrays:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run


def triton_model(app: App[Any, Any, Any], model: Path, inputs: Arrays, values: Values) -> Arrays:
    """The outputs of a private Triton that serves the model with the app's configuration."""
    with tempfile.TemporaryDirectory(prefix="slipway-parity-") as folder:
        version = Path(folder) / app.name / "1"
        version.mkdir(parents=True)
        (version.parent / "config.pbtxt").write_text(config_pbtxt(app, values))
        (version / MODEL_NAME).write_bytes(model.read_bytes())
        with running(Path(folder)) as url:
            return _infer(url, app, inputs)


def _infer(url: str, app: App[Any, Any, Any], inputs: Arrays) -> Arrays:
    import tritonclient.grpc as client

    with client.InferenceServerClient(url) as server:
        answers = []
        for start in range(0, _rows(inputs), CHUNK):
            tensors = []
            for spec in app.inputs:
                part = inputs[spec.name][start : start + CHUNK]
                # Triton has a second axis where the graph has none.
                part = part.reshape(len(part), 1) if part.ndim == 1 else part
                tensor = client.InferInput(spec.name, list(part.shape), spec.datatype)
                tensor.set_data_from_numpy(np.ascontiguousarray(part))
                tensors.append(tensor)
            outputs = [client.InferRequestedOutput(spec.name) for spec in app.outputs]
            answer = server.infer(app.name, tensors, outputs=outputs, client_timeout=30)
            found = {spec.name: answer.as_numpy(spec.name) for spec in app.outputs}
            answers.append(
                {s.name: found[s.name].reshape(-1) if len(s.shape) == 1 else found[s.name] for s in app.outputs}
            )
        return _join(answers)


def parity_line(
    pair: str, output: str, error: npt.NDArray[np.float64], tolerance: float, flips: int = 0
) -> Parity:
    """The line of one output; `error` has a difference for each row."""
    p50, p99 = np.quantile(error, [0.5, 0.99], method="lower")
    return Parity(
        pair=pair,
        output=output,
        rows=len(error),
        max_error=float(error.max()),
        p50=float(p50),
        p99=float(p99),
        tolerance=tolerance,
        worst_row=int(error.argmax()),
        flips=flips,
    )


def _errors(wanted: npt.NDArray[Any], found: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Largest absolute difference per row."""
    if wanted.dtype.kind in "OSU":
        error = np.where(wanted == found, 0.0, np.inf)
    else:
        left, right = wanted.astype(np.float64), found.astype(np.float64)
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        comparable = np.isfinite(left) & np.isfinite(right)
        error = np.full(left.shape, np.inf)
        error[comparable] = np.abs(left[comparable] - right[comparable])
        error[same] = 0.0
    rows: npt.NDArray[np.float64] = error.reshape(len(error), -1).max(axis=1)
    return rows


def _flips(wanted: Arrays, found: Arrays, tolerance: float) -> int:
    """Decisions that differ although both margins exceed the tolerance."""
    return sum(
        int(
            (
                (np.sign(margin) != np.sign(found[name]))
                & (np.abs(margin) > tolerance)
                & (np.abs(found[name]) > tolerance)
            ).sum()
        )
        for name, margin in wanted.items()
    )


def _rows(arrays: Arrays) -> int:
    return len(next(iter(arrays.values())))


def _take(arrays: Arrays, rows: Any) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


def _join(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
