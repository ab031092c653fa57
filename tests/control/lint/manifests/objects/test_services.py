from __future__ import annotations

import pytest

from control.lint.manifests.objects.services import deployments_made, reached
from tests.control.lint.manifests.made import bundle, good_bundle


def test_written_services_have_their_ports() -> None:
    service = reached(good_bundle(), "gateway")
    assert service is not None and service.ports == {80, 81, "http", "grpc"}


@pytest.mark.parametrize(
    "name", ["price-serve-svc", "price-head-svc", "notebook-head-svc", "triton-predictor", "triton"]
)
def test_operators_make_services(name: str) -> None:
    service = reached(good_bundle(), name)
    assert service is not None and service.ports is None


def test_what_nobody_makes() -> None:
    assert reached(good_bundle(), "price") is not None
    assert reached(good_bundle(), "prices") is None and reached(good_bundle(), "notebook-serve-svc") is None
    assert reached(bundle("{apiVersion: v1, kind: Pod, metadata: {name: a}}", "service/far"), "far") is not None


def test_kserve_makes_deployments() -> None:
    assert deployments_made(good_bundle()) == {"triton-predictor", "elastic-predictor"}
