from __future__ import annotations

import re
from pathlib import Path

import pytest

from control.errors import TritonLintError
from control.lint.rules import triton_rules
from control.lint.triton.lint import lint
from control.lint.triton.output import sentence
from serving.kernel.app_values import load_values
from tests.control.lint.triton.corpus import BASES, Case, check_case, findings, write_base, write_case, write_parts
from tests.control.lint.triton.mistakes import MISTAKES
from tests.control.lint.triton.test_deployment import RULES as DEPLOYED
from tests.training import toy
from tests.training.conftest import make_servable
from training.onnx import export
from training.onnx.config_pbtxt import config_pbtxt
from training.onnx.trees import tree_node
from training.publish import repository

EVERY = [case for cases in MISTAKES.values() for case in cases]


@pytest.mark.parametrize("case", MISTAKES["lint"], ids=str)
def test_the_mistake_is_named(case: Case, tmp_path: Path) -> None:
    check_case(tmp_path, case)


def test_good_models_have_no_findings(tmp_path: Path) -> None:
    write_parts(tmp_path)
    for base in BASES:
        if not (tmp_path / base).exists():
            write_base(tmp_path, base, base)
    found = lint(tmp_path)
    assert (found.checked.names, found.findings) == (tuple(sorted(BASES)), [])


def test_what_training_publishes_has_no_findings(tmp_path: Path) -> None:
    export.save(toy.app, toy.graph(tree_node(toy.local_booster(), "features", "y")), tmp_path / "toy.onnx")
    repository.publish(make_servable(tmp_path / "one", tmp_path / "toy.onnx"), tmp_path / "models", "toy", 3)
    text = config_pbtxt(toy.app, load_values(toy.app.folder))
    (tmp_path / "models" / "toy" / "config.pbtxt").write_text(text)
    assert lint(tmp_path / "models").findings == []


def test_the_committed_configurations_have_no_errors(root: Path) -> None:
    found = lint(root / "model-repository")
    assert found.checked.names
    assert [sentence(one) for one in found.findings if one.severity == "error"] == []


def test_the_corpus_is_large_and_every_rule_has_a_mistake() -> None:
    assert len({case.name for case in EVERY}) == len(EVERY) >= 100
    # Those of a deployment: test_deployment.py.
    assert {case.rule for case in EVERY} | DEPLOYED == set(triton_rules())


def test_findings_name_file_line_key_value_and_fix(tmp_path: Path) -> None:
    case = next(one for one in EVERY if one.name == "batch-in-dims")
    (only,) = findings(tmp_path, case)
    assert (only.field, only.line, only.problem) == ("input[0].dims", 7, "[-1, 3]")
    assert sentence(only) == (
        "input[0].dims: [-1, 3]; expected [3], as the graph has [-1, 3] of version 1. "
        "Leave the batch axis out: Triton adds it, as max_batch_size is above 0"
    )


def test_every_misspelt_field_is_found_at_once(tmp_path: Path) -> None:
    edits = (("max_batch_size", "max_batchsize"), ("data_type", "datatype"), ("version_policy", "versions"))
    case = Case("three", "T103", "plain", edits)
    wrong = [one for one in findings(tmp_path, case) if one.id == "T103"]
    lines = {one.field: one.line for one in wrong}
    assert lines == {"max_batchsize": 3, "input[0].datatype": 6, "versions": 26}
    assert wrong[0].fix == "Did you mean 'max_batch_size'?"


@pytest.mark.parametrize("name, hint", [("unknown-data-type", "TYPE_FP32"), ("unknown-kind", "KIND_CPU")])
def test_unknown_values_get_the_nearest(name: str, hint: str, tmp_path: Path) -> None:
    (only,) = findings(tmp_path, next(one for one in EVERY if one.name == name))
    assert hint in only.fix + only.expected
    assert only.line in (6, 16)


def test_only_some_models_but_ensembles_against_all(tmp_path: Path) -> None:
    write_parts(tmp_path)
    write_base(tmp_path, "ensemble", "both")
    write_case(tmp_path, next(one for one in EVERY if one.name == "negative-batch"))
    assert lint(tmp_path, ["both"]).findings == []
    assert {one.subject for one in lint(tmp_path).findings} == {"negative-batch"}


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TritonLintError, match="is not a folder"):
        lint(tmp_path / "nowhere")
    with pytest.raises(TritonLintError, match="has no model folders"):
        lint(tmp_path)
    write_parts(tmp_path)
    with pytest.raises(TritonLintError, match=re.escape("no model 'plane'") + ".*there are: after, counts"):
        lint(tmp_path, ["plane"])
