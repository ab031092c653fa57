from __future__ import annotations

from control.lint.triton.findings import ModelFindings, nearest
from control.lint.triton.output import sentence
from control.lint.triton.source import walk


def test_a_finding_says_where_what_and_how() -> None:
    findings = ModelFindings("price", "models/price/config.pbtxt", walk('name: "price"\ninput { dims: [ 3 ] }'))
    findings.add("T140", "input[0].dims", [3], "[4]", "Write [4]")
    findings.add("T113", "", "no version folder", "price/1/model.onnx", line=0)
    first, second = findings.found
    assert (first.severity, first.subject, first.line) == ("error", "price", 2)
    assert first.file == "models/price/config.pbtxt"
    assert sentence(first) == "input[0].dims: [3]; expected [4]. Write [4]"
    assert (second.line, sentence(second)) == (0, "no version folder; expected price/1/model.onnx")


def test_nearest_names() -> None:
    assert nearest("Features", ["features", "lengths"]) == "Did you mean 'features'?"
    assert nearest("probabilites", ["label", "probabilities"]) == "Did you mean 'probabilities'?"
    assert nearest("x", ["features"]) == ""
    assert nearest("x", []) == ""
