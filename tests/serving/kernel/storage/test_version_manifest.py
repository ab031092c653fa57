from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import numpy as np

from serving.kernel.storage.version_manifest import FileDigest, Manifest, digest_file, row_of


def test_a_digest_is_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert digest_file(tmp_path / "file") == FileDigest(hashlib.sha256(b"abc").hexdigest(), 3)


def test_rows_keep_missing_values_apart_from_numbers() -> None:
    arrays = {"x": np.array([[1.5, np.nan], [0.0, 2.0]], np.float32)}
    assert row_of(arrays, 0) == {"x": [1.5, None]}
    assert row_of(arrays, 1) == {"x": [0.0, 2.0]}


def test_a_manifest_of_an_older_release_has_no_allowed_columns() -> None:
    fields = {"model": "m", "version": 1, "created": "", "run_id": "", "inputs": [], "outputs": []}
    old = msgspec.json.encode({**fields, "feature_names": []})
    assert msgspec.json.decode(old, type=Manifest).allowed_columns == ()
    new = msgspec.structs.replace(msgspec.json.decode(old, type=Manifest), allowed_columns=("lot",))
    assert msgspec.json.decode(msgspec.json.encode(new), type=Manifest).allowed_columns == ("lot",)
