from __future__ import annotations

import pytest

from benchmarks.manifests.edit import append, put
from control.lint.manifests.checks.pod import check, port_problem
from tests.control.lint.manifests.made import found, good_bundle

BOX = "spec template spec containers 0"


def test_good_pods() -> None:
    assert found(check, good_bundle()) == []


@pytest.mark.parametrize("port", [1, 65535, "http", "h2c", "a1", "1a", "web-1", "a" * 15])
def test_ports(port: int | str) -> None:
    assert port_problem(port) == ""


@pytest.mark.parametrize(
    "port", [0, 65536, -1, True, "", "80", "Http", "a_b", "-a", "a-", "a--b", "a" * 16, None, 1.5]
)
def test_no_ports(port: object) -> None:
    assert port_problem(port)


def test_one_number_for_two_protocols_is_fine() -> None:
    changed = good_bundle("Deployment/gateway", append(f"{BOX} ports", {"containerPort": 8080, "protocol": "UDP"}))
    assert found(check, changed) == []


def test_a_port_or_a_variable_that_repeats_is_accepted_with_a_warning() -> None:
    changed = good_bundle(
        "Deployment/gateway",
        append("spec template spec containers", {"name": "b", "ports": [{"containerPort": 8080}]}),
    )
    (finding,) = check(changed)
    assert (finding.id, finding.severity) == ("SLW219", "warning")
    assert finding.field == "spec.template.spec.containers[1].ports[0].containerPort"
    twice = good_bundle("Deployment/gateway", append(f"{BOX} env", 0))
    assert [id for id, _ in found(check, twice)] == ["SLW219"]


def test_the_selector_of_a_rollout() -> None:
    changed = good_bundle("Rollout/web", put("spec selector matchLabels", {"app": "other"}))
    assert found(check, changed) == [("SLW301", "spec.selector")]
