from __future__ import annotations

import pytest

from benchmarks.manifests.edit import both, put
from control.lint.manifests.checks.images import check, split
from tests.control.lint.manifests.made import found, good_bundle


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("a", ("a", "")),
        ("a:1", ("a", "1")),
        ("registry:5000/a/b", ("registry:5000/a/b", "")),
        ("registry:5000/a/b:1", ("registry:5000/a/b", "1")),
        ("a/b:1@sha256:c", ("a/b", "sha256:c")),
        ("a@sha256:c", ("a", "sha256:c")),
    ],
)
def test_images_are_split(image: str, parts: tuple[str, str]) -> None:
    assert split(image) == parts


def test_good_images() -> None:
    assert found(check, good_bundle()) == []


def test_the_other_place_is_named() -> None:
    changed = good_bundle(
        "CronJob/sync", put("spec jobTemplate spec template spec containers 0 image", "slipway/control:2")
    )
    (finding,) = check(changed)
    assert finding.id == "SLW216" and "0.1.0 in Job/migrate" in finding.message


@pytest.mark.parametrize(
    ("image", "more"),
    [("slipway/control:0.1.0-gpu", {}), ("slipway/control:0.2.0", {"example.org/track": "canary"})],
)
def test_what_may_differ(image: str, more: dict[str, str]) -> None:
    place = "spec template"
    change = both(put(f"{place} spec containers 0 image", image), put(f"{place} metadata labels", more))
    assert found(check, good_bundle("Job/migrate", change)) == []


@pytest.mark.parametrize("image", [" example.org/a:1", "example.org/a:1\n", "example.org/a :1"])
def test_whitespace(image: str) -> None:
    changed = good_bundle("Deployment/gateway", put("spec template spec containers 0 image", image))
    assert found(check, changed) == [("SLW221", "spec.template.spec.containers[0].image")]
