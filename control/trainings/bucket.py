"""The versions of an app in the bucket that the settings name. Imports nothing of a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from control.console import note
from control.settings import StackSettings
from training.publish.repository_copy import apps_of, copy

__all__ = ["bucket_copy"]


@contextmanager
def bucket_copy(settings: StackSettings, app: str) -> Iterator[None]:
    """Fetch the app's versions from the bucket before the block, and upload the local versions after it."""
    if not settings.repository_url:
        yield
        return
    here = str(settings.model_repository)
    if app in apps_of(settings.repository_url):
        copy(settings.repository_url, here, [app])
    yield
    copy(here, settings.repository_url, [app])
    note(f"The versions of {app} are uploaded to {settings.repository_url}.")
