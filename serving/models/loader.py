"""Loads one version: digests, signature, backend, golden rows. Nothing is served that did not pass all of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from serving.kernel.app import App, Explainer
from serving.kernel.app_values import load_values
from serving.kernel.backend import Backend
from serving.kernel.call import Call
from serving.kernel.errors import SlipwayError, Unavailable
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.record_store import Encoder
from serving.kernel.storage.version_files import Refused, decode_context
from serving.kernel.storage.version_manifest import ENCODER_NAME, GOLDEN_NAME, MANIFEST_NAME, GoldenRow, Manifest
from serving.kernel.tensors import Arrays
from serving.models.batching.batch_kinds import QuestionBatches, TensorBatches

__all__ = ["LoadedVersion", "OpenBackend", "check_signature", "load", "open_explainer", "replay"]

log = logging.getLogger(__name__)

OpenBackend = Callable[[App[Any, Any, Any], Manifest], Awaitable[Backend]]
"""Opens a version's backend; the composition root decides which kind."""

REPLAY_SECONDS = 30.0
ANSWER_TOLERANCE = 1e-3
"""Relative difference a replayed answer's numbers may show; answers are decided from outputs within tolerance."""


@dataclass(eq=False)
class LoadedVersion:
    """A verified version, ready to answer."""

    app: App[Any, Any, Any]
    manifest: Manifest
    context: Any
    backend: Backend
    repository: Repository
    encoder: Encoder | None = None
    """What searches the app's collection; None where the app or the version has none."""
    number: int = field(init=False)
    """The version's number."""
    questions: QuestionBatches = field(init=False)
    tensors: TensorBatches = field(init=False)
    _explainer: Explainer | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.number = self.manifest.version
        self.questions = QuestionBatches(self.app, self.context)
        free = any(-1 in spec.shape[1:] for spec in self.app.inputs)
        buckets = load_values(self.app.folder).batching.length_buckets if free else ()
        self.tensors = TensorBatches(self.app.inputs, self.app.outputs, buckets)

    def explainer(self) -> Explainer:
        """What explains this version's answers; opened at first use. Blocking."""
        if self.app.explainer is None:
            raise LookupError(f"{self.app.name} has no explanations")
        if self._explainer is None:
            self._explainer = self.app.explainer(self.repository.folder(self.app.name, self.number), self.context)
        return self._explainer


async def load(
    app: App[Any, Any, Any], version: int, repository: Repository, open_backend: OpenBackend
) -> LoadedVersion:
    """Verify and open a version.

    Raises `Refused` when it is not what was published, `Unavailable` when the backend cannot say yet.
    """
    manifest = await asyncio.to_thread(repository.verify, app.name, version)
    check_signature(app, manifest)
    context = decode_context(manifest, app.context)
    try:
        backend = await open_backend(app, manifest)
    except SlipwayError:
        raise
    except Exception as cause:
        raise Refused(f"the model cannot be opened: {cause}") from cause
    try:
        encoder = await asyncio.to_thread(_open_encoder, app, manifest, repository)
        loaded = LoadedVersion(app, manifest, context, backend, repository, encoder)
        await replay(loaded, repository.golden(app.name, version))
    except BaseException:
        await backend.close()
        raise
    return loaded


async def open_explainer(loaded: LoadedVersion) -> None:
    """Open it before it is asked for, off the loop: what it imports may take longer than the first caller waits.

    A version whose explainer cannot be opened answers all the same; who asks for an explanation is told.
    """
    if loaded.app.explainer is not None:
        try:
            await asyncio.to_thread(loaded.explainer)
        except Exception as cause:  # noqa: BLE001 - apps open what they like
            log.warning("%s %d cannot explain its answers", loaded.app.name, loaded.number, exc_info=cause)


def _open_encoder(app: App[Any, Any, Any], manifest: Manifest, repository: Repository) -> Encoder | None:
    """The version's encoder, tried on the collection's example. Raises `Refused`."""
    if app.collection is None or ENCODER_NAME not in manifest.files:
        return None
    # Not before: a gateway before Triton may have no ONNX Runtime of its own.
    try:
        from serving.models.backends.encoder import OnnxEncoder
        from serving.models.backends.onnx_session import ENGINE_ERRORS
    except ImportError as cause:
        raise Refused(f"{ENCODER_NAME}: {cause}; it runs in the gateway: pip install 'slipway[cpu]'") from cause

    path = repository.folder(app.name, manifest.version) / ENCODER_NAME
    wrong: tuple[type[Exception], ...] = (ValueError, *ENGINE_ERRORS)
    try:
        encoder = OnnxEncoder(app, path, manifest.files[ENCODER_NAME].sha256)
        made = encoder.records([app.collection.example])
    except wrong as cause:
        raise Refused(f"{ENCODER_NAME}: {cause}") from cause
    if not np.isclose(np.linalg.norm(made), 1, atol=1e-3):
        raise Refused(f"{ENCODER_NAME}: the vector of the example has length {np.linalg.norm(made):.3g}, not 1")
    return encoder


async def replay(loaded: LoadedVersion, rows: Sequence[GoldenRow]) -> None:
    """Ask the golden questions and compare features, outputs and answers with what training computed.

    Raises `Refused` naming the first row and the feature, output or field that differs.
    """
    if not rows:
        raise Refused(f"{GOLDEN_NAME} has no rows to replay")
    app, context = loaded.app, loaded.context
    try:
        questions = [msgspec.json.decode(row.question, type=app.question) for row in rows]
        features = app.features(questions, context)
    except (msgspec.MsgspecError, SlipwayError) as cause:
        raise Refused(f"golden rows: today's code refuses a question that training answered: {cause}") from cause
    for name, array in features.items():
        expected = [row.features[name] for row in rows]
        labels = app.feature_names if array.shape[-1] == len(app.feature_names) else ()
        _compare(f"feature tensor {name}", expected, array, labels, atol=1e-6, rtol=1e-5)
    outputs = await _run(loaded, features)
    for name, array in outputs.items():
        _compare(f"output {name}", [row.outputs[name] for row in rows], array, (), atol=app.tolerance, rtol=0.0)
    for index, (row, answer) in enumerate(zip(rows, app.decide(questions, outputs, context), strict=True)):
        path = _difference(msgspec.json.decode(row.answer), msgspec.json.decode(msgspec.json.encode(answer)), "$")
        if path:
            raise Refused(f"golden row {index}: answer {path}")


async def _run(loaded: LoadedVersion, features: Arrays) -> Arrays:
    call = Call("golden-replay", time.monotonic() + REPLAY_SECONDS)
    try:
        outputs: Arrays = await loaded.backend.submit(loaded.tensors, features, call)
        return outputs
    except Unavailable:
        raise
    except SlipwayError as cause:
        raise Refused(f"golden rows: {cause.message}") from cause


def check_signature(app: App[Any, Any, Any], manifest: Manifest) -> None:
    """Raise `Refused` unless the version was trained for today's tensors and feature columns."""
    for name in ("inputs", "outputs", "feature_names"):
        trained, served = getattr(manifest, name), getattr(app, name)
        if trained != served:
            differing = next(
                (f"{a} where the app has {b}" for a, b in zip(trained, served, strict=False) if a != b),
                f"{len(trained)} entries where the app has {len(served)}",
            )
            raise Refused(f"{MANIFEST_NAME}: {name}: trained with {differing}; train again")


def _compare(
    what: str,
    expected: list[list[float | None]],
    actual: Any,
    labels: tuple[str, ...],
    *,
    atol: float,
    rtol: float,
) -> None:
    """Raise `Refused` at the first element of `actual` [rows, ...] that is not as expected; null is NaN."""
    wanted = np.array([[np.nan if v is None else v for v in row] for row in expected], np.float64)
    got = np.asarray(actual, np.float64).reshape(len(expected), -1)
    if wanted.shape != got.shape:
        raise Refused(f"golden rows: {what} has {got.shape[1]} columns, training had {wanted.shape[1]}")
    wrong = ~np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        # Beyond two axes the labels come round again with every step along the middle ones.
        label = labels[column % len(labels)] if labels else f"column {column}"
        raise Refused(
            f"golden row {row}: {what}, {label}: is {got[row, column]:.9g}, was {wanted[row, column]:.9g} "
            f"in training ({int(wrong.sum())} values differ)"
        )


def _difference(expected: Any, actual: Any, path: str) -> str:
    """Where a JSON value and an answer's own differ by more than rounding; empty if nowhere."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        if expected.keys() != actual.keys():
            return f"{path} has fields {sorted(actual)}, training had {sorted(expected)}"
        return next(filter(None, (_difference(expected[k], actual[k], f"{path}.{k}") for k in expected)), "")
    # A tuple in an answer is an array in JSON.
    if isinstance(expected, list) and isinstance(actual, (list, tuple)) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next(filter(None, (_difference(a, b, f"{path}[{i}]") for i, (a, b) in pairs)), "")
    if isinstance(expected, (int, float)) and isinstance(actual, (int, float)):
        same = abs(expected - actual) <= ANSWER_TOLERANCE * max(1.0, abs(expected))
    else:
        same = expected == actual
    return "" if same else f"{path} is {actual!r}, was {expected!r} in training"
