from __future__ import annotations

from benchmarks.manifests.edit import both, put
from control.lint.manifests.checks.routes import check
from tests.control.lint.manifests.made import found, good_bundle


def test_good_routes() -> None:
    assert found(check, good_bundle()) == []


def test_other_backends_are_not_services() -> None:
    bucket = {"group": "example.org", "kind": "Bucket", "name": "a"}
    assert found(check, good_bundle("HTTPRoute/price", put("spec rules 0 backendRefs 0", bucket))) == []


def test_a_default_backend_is_a_backend() -> None:
    change = put("spec defaultBackend", {"service": {"name": "gone", "port": {"number": 80}}})
    assert found(check, good_bundle("Ingress/gateway", change)) == [("SLW307", "spec.defaultBackend.service.name")]


def test_one_weight_is_enough() -> None:
    assert found(check, good_bundle("HTTPRoute/price", put("spec rules 0 backendRefs 0 weight", 0))) == []


def test_http_and_grpc_may_share_a_gateway_and_not_a_host() -> None:
    route = "GRPCRoute/price"
    shared = [("SLW310", "spec.hostnames")]
    assert found(check, good_bundle(route, put("spec hostnames", ["models.example.org"]))) == shared
    assert found(check, good_bundle(route, put("spec hostnames", ["*.models.example.org"]))) == []
    elsewhere = both(put("spec hostnames", ["models.example.org"]), put("spec parentRefs 0 name", "other"))
    assert found(check, good_bundle(route, elsewhere)) == []
