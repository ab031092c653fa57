from __future__ import annotations

from importlib.metadata import version

import pytest

from control.errors import PackageError
from control.package.pins import pinned


def test_what_is_needed_is_pinned_to_what_is_installed() -> None:
    found = pinned(["slipway[cpu]"], ["ray"])
    names = [line.partition("==")[0] for line in found]
    assert f"numpy=={version('numpy')}" in found
    assert f"onnxruntime=={version('onnxruntime')}" in found
    assert names == sorted(set(names))
    assert {"ray", "mlflow", "pytest", "torch"} & set(names) == set()


def test_extras_bring_what_they_need() -> None:
    plain, more = (set(pinned([root])) for root in ("tritonclient", "tritonclient[grpc]"))
    assert {line.partition("==")[0] for line in more - plain} >= {"grpcio", "protobuf"}


def test_what_is_not_installed_cannot_be_pinned() -> None:
    with pytest.raises(PackageError, match="no-such-thing is not installed here"):
        pinned(["no-such-thing"])
