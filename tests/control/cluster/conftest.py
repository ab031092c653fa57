from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.cluster.fake_api import FakeApi


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A server, and a kubeconfig in the environment that leads to it."""
    with FakeApi() as server:
        monkeypatch.setenv("KUBECONFIG", server.kubeconfig(tmp_path))
        yield server
