"""Where the catalog looks for an app that is not in `serving/apps/`."""

from tests.training.toy import app

__all__ = ["app"]
