from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from serving.kernel.storage.version_manifest import FileDigest, digest_file, row_of


def test_a_digest_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert digest_file(tmp_path / "file") == FileDigest(hashlib.sha256(b"abc").hexdigest(), 3)


def test_rows_keep_missing_values_apart_from_numbers() -> None:
    arrays = {"x": np.array([[1.5, np.nan], [0.0, 2.0]], np.float32)}
    assert row_of(arrays, 0) == {"x": [1.5, None]}
    assert row_of(arrays, 1) == {"x": [0.0, 2.0]}
