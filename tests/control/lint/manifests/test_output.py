from __future__ import annotations

import json

from control.lint.rules import manifest_rules
from tests.control.lint import reports


def test_a_table_names_place_and_fix() -> None:
    report = reports.manifests()
    first, second = report.rows()
    fix = manifest_rules()["SLW303"].fix
    assert first == ("SLW303", "error", "a.yaml:7", "Service/a spec.ports[0]", f"no port. {fix}")
    assert second[1:3] == ("warning", "t.yaml (chart with x and 1 more)")
    expected = "1 errors and 1 warnings: 3 objects of 2 sources in 0.5 s, Kubernetes 1.30 and 1.37."
    assert report.summary == expected


def test_json_has_everything() -> None:
    body = json.loads(json.dumps(reports.manifests().as_json()))
    assert [item["rule"] for item in body["findings"]] == ["SLW303", "SLW106"]
    assert body["findings"][1]["line"] is None and body["findings"][1]["sources"] == [
        "chart with x",
        "chart with y",
    ]
    assert body["skipped"] == ["no schemas"] and body["kubernetes"] == ["1.30", "1.37"]
    assert (body["targets"], body["objects"], body["seconds"]) == (["a.yaml", "chart"], 3, 0.5)
