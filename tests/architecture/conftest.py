"""What the tests of the sources share."""

from __future__ import annotations

import pytest

from tests.architecture.source import modules


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """The last of these tests frees what it parsed."""
    if nextitem is None or nextitem.path.parent != item.path.parent:
        modules.cache_clear()
