from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.manifests.measure import good
from control.errors import ManifestError
from control.lint.manifests.checks import kserve
from control.lint.manifests.lint import CHECKS, lint, lint_texts
from control.lint.manifests.objects.resource import Bundle, Origin, Resource
from control.lint.manifests.options import LintOptions
from control.lint.manifests.targets import of_path

DATA = Path(__file__).parent / "data"


def ids(text: str, **options: object) -> list[str]:
    return [finding.id for finding in lint_texts([("a.yaml", text)], LintOptions(**options))]  # type: ignore[arg-type]


def test_each_finding_is_shown_once_with_all_it_was_found_in(schemas: Path) -> None:
    report = lint(of_path(DATA / "chart"), LintOptions(schemas=schemas))
    (finding,) = report.findings
    assert finding.id == "SLW215" and finding.file.endswith("chart/templates/deployment.yaml")
    assert [source.rpartition("/")[2] for source in finding.sources] == ["latest-values.yaml"]
    assert (report.checked.objects, len(report.checked.targets), report.skipped) == (4, 2, [])
    assert report.failed(strict=True) and not report.failed(strict=False)


def test_an_overlay_passes_and_its_base_does_not(schemas: Path) -> None:
    good = lint(of_path(DATA / "kustomize" / "overlay"), LintOptions(schemas=schemas))
    bad = lint(of_path(DATA / "kustomize" / "base"), LintOptions(schemas=schemas))
    assert good.findings == [] and [finding.id for finding in bad.findings] == ["SLW215"]


def test_without_schemas_it_is_said_what_was_left_out() -> None:
    report = lint(of_path(DATA / "kustomize" / "overlay"), LintOptions())
    assert report.findings == [] and "SLIPWAY_SCHEMAS is not set" in report.skipped[0]
    assert ids("{apiVersion: ray.io/v1, kind: RayCluster, metadata: {name: a}, spek: 1}") == []


def test_lists_are_opened() -> None:
    text = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Namespace, metadata: {name: A}}, 3]}"
    assert sorted(ids(text)) == ["SLW003", "SLW201"]
    roles = (
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleList, items: [{metadata: {name: a}, rules: [{}]}]}"
    )
    assert set(ids(roles)) == {"SLW109"}


@pytest.mark.parametrize("text", ["3", "[]", "{kind: Pod}", "{apiVersion: v1, kind: Pod, metadata: {}}", "a: 1"])
def test_what_is_no_object(text: str) -> None:
    assert ids(text) == ["SLW003"]


def test_what_has_wrong_types_everywhere_is_no_crash(schemas: Path) -> None:
    for kind, version in [
        ("Deployment", "apps/v1"),
        ("RayService", "ray.io/v1"),
        ("HTTPRoute", "gateway.networking.k8s.io/v1"),
    ]:
        for spec in (
            "3",
            "[]",
            "text",
            "{template: [], selector: 3, rules: 4}",
            "{rayClusterConfig: [], scaleTargetRef: a}",
        ):
            assert ids(
                f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}, spec: {spec}}}", schemas=schemas
            )


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        ("TLSRoute", "gateway.networking.k8s.io/v1", ["SLW111"]),
        ("Application", "argoproj.io/v1alpha1", ["SLW111"]),
        ("HTTPRoutes", "gateway.networking.k8s.io/v1", ["SLW005"]),
        ("VirtualService", "networking.istio.io/v1", ["SLW111"]),
        ("Gateway", "networking.istio.io/v1", ["SLW111"]),
        ("VerticalPodAutoscaler", "autoscaling.k8s.io/v1", ["SLW111"]),
        ("InferencePool", "inference.networking.k8s.io/v1", ["SLW111"]),
        ("ServiceMonitor", "monitoring.coreos.io/v1", ["SLW005"]),
        ("ScaledObject", "keda.k8s.io/v1alpha1", ["SLW005"]),
    ],
)
def test_kinds_without_a_definition(schemas: Path, kind: str, version: str, expected: list[str]) -> None:
    text = f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}, spec: {{}}}}"
    assert [id for id in ids(text, schemas=schemas) if id in ("SLW005", "SLW111")] == expected


def test_rules_can_be_left_out_and_warnings_may_count() -> None:
    target = of_path(DATA / "kustomize" / "base")
    assert lint(target, LintOptions(ignore=("SLW215",))).findings == []
    assert not lint(target, LintOptions(ignore=("SLW215",))).failed(strict=True)


def test_options_are_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SLIPWAY_SCHEMAS", raising=False)
    with pytest.raises(ManifestError, match="--require-schemas: SLIPWAY_SCHEMAS is not set"):
        LintOptions.from_environment((), True, (), ())
    with pytest.raises(ManifestError, match="--ignore SLW999: there is no such rule"):
        LintOptions.from_environment((), False, (), ("SLW999",))
    with pytest.raises(ManifestError, match="--external database: expected KIND/NAME"):
        LintOptions.from_environment((), False, ("database",), ())
    monkeypatch.setenv("SLIPWAY_SCHEMAS", str(tmp_path))
    assert LintOptions.from_environment(("1.30",), True, ("secret/a",), ("SLW808",)).schemas == tmp_path


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Everything below a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


JUNK = (None, -1, True, "", "a/b:c@d", [], {}, [None], [{}], {"name": []}, [{"name": {}}], {"matchLabels": [1]})


@settings(max_examples=100)
@given(st.data())
def test_junk_anywhere_is_no_crash(data: st.DataObject) -> None:
    objects = good()
    body = objects[data.draw(st.sampled_from(sorted(objects)))]
    known = {("apiVersion",), ("kind",), ("metadata",), ("metadata", "name")}
    *way, last = data.draw(st.sampled_from([path for path in places(body) if path not in known]))
    place: Any = body
    for key in way:
        place = place[key]
    place[last] = data.draw(st.sampled_from(JUNK))
    bundle = Bundle([Resource(item, Origin("", "")) for item in objects.values()])
    # What builds the SDK's models in another process is tested beside them.
    for check in (check for check in CHECKS if check is not kserve.check):
        assert all(finding.id for finding in check(bundle))
