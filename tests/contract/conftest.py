"""The suite every app passes. A new folder in `apps/` is found by itself; nothing here names an app."""

from __future__ import annotations

import pytest

from serving.kernel.find_app import find_apps


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "app" in metafunc.fixturenames:
        apps = find_apps()
        metafunc.parametrize("app", apps, ids=[app.name for app in apps])
