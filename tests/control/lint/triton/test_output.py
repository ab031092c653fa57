from __future__ import annotations

import json

from tests.control.lint import reports


def test_a_table_has_everything_in_one_sentence() -> None:
    report = reports.triton()
    first, second = report.rows()
    where = "models/price/config.pbtxt"
    assert first == (f"{where}:4", "error", "T140", "input[0].dims: [3]; expected [4]. Write [4]")
    assert second == (f"{where}:0", "warning", "T120", "no version folder; expected price/1/model.onnx")
    assert report.summary == "2 models: 1 errors, 1 warnings. docs/triton-lint.md says what the rules are for."


def test_json_has_everything() -> None:
    body = json.loads(json.dumps(reports.triton().as_json()))
    assert (body["models"], body["errors"], body["warnings"]) == (["delay", "price"], 1, 1)
    assert body["findings"][0] == {
        "rule": "T140",
        "severity": "error",
        "model": "price",
        "path": "models/price/config.pbtxt",
        "line": 4,
        "key": "input[0].dims",
        "value": "[3]",
        "expected": "[4]",
        "fix": "Write [4]",
        "message": "input[0].dims: [3]; expected [4]. Write [4]",
    }
