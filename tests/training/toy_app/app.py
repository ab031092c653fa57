"""Where the catalog looks for an app that is not in `apps/`."""

from tests.training.toy import app

__all__ = ["app"]
