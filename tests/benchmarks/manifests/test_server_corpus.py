from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.manifests.server_corpus import compare, corpus_of, recorded
from control.lint.manifests.docs_page import Agreement
from control.lint.manifests.options import LintOptions

MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: %s}}"


@pytest.fixture
def corpus(schemas: Path) -> Path:
    folder = corpus_of(schemas)
    if folder is None:
        pytest.skip(f"there is no corpus/builtin/verdicts.json beside {schemas}")
    return folder


@pytest.mark.slow
def test_the_linter_finds_what_the_server_refuses_and_nothing_in_what_is_valid(
    corpus: Path, schemas: Path
) -> None:
    agreement, apart = compare(corpus, LintOptions(schemas=schemas))
    assert agreement.alarms == 0, apart
    assert agreement.found >= 0.9 * agreement.refused, apart
    written = recorded()
    if agreement.refused == written.refused:
        assert agreement == written, "out of date: run `python -m benchmarks.manifests`"


def test_numbers_and_disagreements(tmp_path: Path) -> None:
    verdicts = {"b1": ("reject", "1"), "b2": ("reject", "b"), "b3": ("accept", "c"), "v1": ("accept", "2")}
    for name, (_, value) in verdicts.items():
        (tmp_path / f"{name}.yaml").write_text(MAP % value)
    told = {name: {"verdict": verdict, "message": "no"} for name, (verdict, _) in verdicts.items()}
    (tmp_path / "verdicts.json").write_text(json.dumps(told))
    agreement, apart = compare(tmp_path, LintOptions())
    assert agreement == Agreement(refused=2, found=1, valid=1, alarms=1, accepted=1, flagged=0)
    assert apart[0] == "b2 is not found: no" and apart[1].startswith("v1 is valid, but: SLW101 data.a")


def test_a_corpus_lies_beside_the_definitions(tmp_path: Path) -> None:
    assert corpus_of(tmp_path / "schemas") is None
    folder = tmp_path / "corpus" / "builtin"
    folder.mkdir(parents=True)
    (folder / "verdicts.json").write_text("{}")
    assert corpus_of(tmp_path / "schemas") == folder
