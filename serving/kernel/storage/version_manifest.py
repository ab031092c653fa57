"""What a version folder says about itself: `manifest.json`, `aliases.json` beside it, and `golden.jsonl`.

Training writes them when it publishes a version; the data plane reads them when it loads one, both by
`version_files`. The manifest lists every other file of the folder with its digest. A folder with a missing file,
an additional file or another digest is refused.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from serving.kernel.tensors import Arrays, TensorSpec

__all__ = [
    "ALIASES_NAME",
    "CONFIG_NAME",
    "ENCODER_NAME",
    "GOLDEN_NAME",
    "MANIFEST_NAME",
    "MODEL_NAME",
    "SIGNATURE_NAME",
    "Aliases",
    "Check",
    "FileDigest",
    "GoldenRow",
    "Manifest",
    "Metric",
    "Parity",
    "Signature",
    "digest_file",
    "row_of",
]

ALIASES_NAME = "aliases.json"
MANIFEST_NAME = "manifest.json"
MODEL_NAME = "model.onnx"
CONFIG_NAME = "config.pbtxt"
"""In a version that only Triton can run: its configuration, as it is beside the versions."""
ENCODER_NAME = "encoder.onnx"
"""The second graph of an app with a collection."""
GOLDEN_NAME = "golden.jsonl"
SIGNATURE_NAME = "manifest.sig"
"""Beside the manifest, whose bytes it signs; not listed in it."""


class FileDigest(msgspec.Struct, frozen=True):
    """SHA-256 (hex) and size of one file."""

    sha256: str
    bytes: int


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure, with the naive baseline's figure on the same rows."""

    name: str
    value: float
    slice: str = "all"
    unit: str = ""
    baseline: float | None = None
    better: str = "lower"
    rows: int = 0
    gain_low: float | None = None
    """Bounds of the bootstrap interval of the gain over the baseline; positive means better."""
    gain_high: float | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check of the gate."""

    name: str
    passed: bool
    measured: str
    required: str
    reason: str = ""


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """The differences of two runtimes' outputs on the same rows; one per pair of runtimes and output."""

    pair: str
    """For example `native/onnxruntime` or `native/triton`."""
    output: str
    rows: int
    max_error: float
    p50: float
    p99: float
    tolerance: float
    worst_row: int
    flips: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded about one version. `context` is the app's own part, of the type `App.context`."""

    format: int = 1
    model: str
    version: int
    added: bool = False
    """Whether it was added from a file: there is no app of this name, and `context` says how it is served."""
    created: str
    run_id: str
    git_commit: str = ""
    synthetic: bool = False
    source: str = ""
    """Name of the data set; never a full path."""
    dataset_sha256: str = ""
    rows: dict[str, int] = {}
    split: dict[str, Any] = {}
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    feature_names: tuple[str, ...]
    context: msgspec.Raw = msgspec.Raw(b"{}")
    metrics: tuple[Metric, ...] = ()
    gate: tuple[Check, ...] = ()
    parity: tuple[Parity, ...] = ()
    libraries: dict[str, str] = {}
    notes: tuple[str, ...] = ()
    """Sentences on the data: how it was read, what is not used of it, and what looks wrong."""
    allowed_columns: tuple[str, ...] = ()
    """Columns that look like leaks and were kept on request."""
    files: dict[str, FileDigest] = {}

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) that changes when any file of the version does."""
        lines = sorted(f"{name} {digest.sha256}" for name, digest in self.files.items())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


class GoldenRow(msgspec.Struct, frozen=True):
    """One raw question with what training computed for it; a line of JSON in `golden.jsonl`.

    `features` and `outputs` hold one row per tensor: numbers, NaN as null, and text.
    """

    question: msgspec.Raw
    features: dict[str, list[float | str | None]]
    outputs: dict[str, list[float | str | None]]
    answer: msgspec.Raw


class Signature(msgspec.Struct, frozen=True):
    """The signature of one key, in base64."""

    key: str
    """The id of the key."""
    value: str


class Aliases(msgspec.Struct, frozen=True):
    """`aliases.json` beside the version folders. The champion answers when the caller asks for no version."""

    champion: int | None = None
    challenger: int | None = None
    number: int = 0
    """Rises with each change of signed aliases; 0: they were never signed."""
    signatures: tuple[Signature, ...] = ()


def digest_file(path: Path) -> FileDigest:
    """Digest of a file's bytes. Raises `OSError`."""
    with path.open("rb") as stream:
        return FileDigest(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)


def row_of(arrays: Arrays, index: int) -> dict[str, list[float | str | None]]:
    """Row `index` of every array as JSON numbers, NaN as null, and text."""
    return {
        name: [_plain(value) for value in np.asarray(array[index]).reshape(-1).tolist()]
        for name, array in arrays.items()
    }


def _plain(value: Any) -> float | str | None:
    if isinstance(value, str):
        return value
    return None if value != value else float(value)
