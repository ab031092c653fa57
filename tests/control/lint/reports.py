"""A report of each linter, with an error and a warning."""

from __future__ import annotations

from control.lint.finding import Finding
from control.lint.manifests.output import ManifestLinter, Manifests
from control.lint.report import Report
from control.lint.rules import manifest_rules, triton_rules
from control.lint.triton.output import Models, TritonLinter


def manifests() -> Report[Manifests]:
    rules = manifest_rules()
    found = [
        Finding("a.yaml", 7, "Service/a", "spec.ports[0]", rules["SLW303"], "no port", sources=("a.yaml",)),
        Finding("t.yaml", 0, "", "", rules["SLW106"], "old", sources=("chart with x", "chart with y")),
    ]
    checked = Manifests(["a.yaml", "chart"], 3, ("1.30", "1.37"), 0.5)
    return Report(ManifestLinter(), checked, found, ["no schemas"])


def triton() -> Report[Models]:
    rules = triton_rules()
    path = "models/price/config.pbtxt"
    found = [
        Finding(path, 4, "price", "input[0].dims", rules["T140"], "[3]", "[4]", "Write [4]"),
        Finding(path, 0, "price", "", rules["T120"], "no version folder", "price/1/model.onnx"),
    ]
    return Report(TritonLinter(), Models(("delay", "price")), found)
