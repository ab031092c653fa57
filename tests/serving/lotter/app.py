"""The app of `tests/serving/collected.py`, where the catalog finds it."""

from __future__ import annotations

from tests.serving.collected import app

__all__ = ["app"]
