"""The peers know nothing of Slipway: nobody else's figures depend on its code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, imports

PEERS = sorted((ROOT / "benchmarks" / "peers").glob("*.py"))


@pytest.mark.parametrize("path", PEERS, ids=lambda path: path.stem)
def test_a_peer_imports_nothing_of_slipway(path: Path) -> None:
    names = imports(ast.parse(path.read_text()))
    assert not [name for name in names if name.split(".")[0] in ("serving", "training", "control")]
    assert not [n for n in names if n.startswith("benchmarks.") and not n.startswith("benchmarks.peers.")]
