"""The definitions (CRDs) that tests hold manifests against; they are not ours to ship."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def schemas() -> Path:
    """The folder of definitions; tests that need it are skipped without it."""
    folder = os.environ.get("SLIPWAY_SCHEMAS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SLIPWAY_SCHEMAS is not set to a folder of definitions (CRDs)")
    return Path(folder)
