"""The toy app as an app of another package, with values of its own beside it."""

from __future__ import annotations

from dataclasses import replace

from tests.serving.toy import app as toy

app = replace(toy, package="tests.serving.models")
