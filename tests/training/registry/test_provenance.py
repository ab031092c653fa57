from __future__ import annotations

import re

import numpy as np

from training.registry.provenance import git_commit, libraries


def test_the_commit_and_the_libraries_are_known() -> None:
    assert re.fullmatch(r"([0-9a-f]{40}(\+changes)?)?", git_commit())
    assert libraries()["numpy"] == np.__version__
    assert {"ray", "onnx", "pandas"} <= set(libraries())
