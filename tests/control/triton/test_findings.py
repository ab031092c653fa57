from __future__ import annotations

from control.triton.findings import Report, nearest
from control.triton.source import walk


def test_a_finding_says_where_what_and_how() -> None:
    report = Report("price", "models/price/config.pbtxt", walk('name: "price"\ninput { dims: [ 3 ] }'))
    report.add("T140", "input[0].dims", [3], "[4]", "Write [4]")
    report.add("T113", "", "no version folder", "price/1/model.onnx", line=0)
    first, second = report.findings
    assert (first.severity, first.model, first.line) == ("error", "price", 2)
    assert first.path == "models/price/config.pbtxt"
    assert first.message == "input[0].dims: [3]; expected [4]. Write [4]"
    assert (second.line, second.message) == (0, "no version folder; expected price/1/model.onnx")


def test_nearest_names() -> None:
    assert nearest("Features", ["features", "lengths"]) == "Did you mean 'features'?"
    assert nearest("probabilites", ["label", "probabilities"]) == "Did you mean 'probabilities'?"
    assert nearest("x", ["features"]) == ""
    assert nearest("x", []) == ""
