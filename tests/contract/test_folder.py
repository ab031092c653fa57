"""What an app's folder holds: a manifest, values, a model card, golden pairs, and the generated Triton config."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from control.cards.blocks import HEADING, blocks
from serving.kernel.app_values import load_values
from tests.contract.requests import load_cases
from tests.trained import AnyApp
from training.find_recipe import find
from training.onnx.config_pbtxt import config_pbtxt

SECTIONS = ("question", "data", "licence", "baseline", "limits", "harms")


def test_the_name_is_the_folder_s(app: AnyApp) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,39}", app.name)
    assert (app.folder / "app.py").exists()
    assert app.summary


def test_the_manifest_is_short(app: AnyApp) -> None:
    assert len((app.folder / "app.py").read_text().splitlines()) <= 60


def test_values_load(app: AnyApp) -> None:
    values = load_values(app.folder)
    assert values.replicas.min <= values.replicas.max
    assert list(values.canary.steps) == sorted(set(values.canary.steps))


def test_the_committed_triton_config_is_the_generated_one(app: AnyApp, root: Path) -> None:
    path = root / "model-repository" / app.name / "config.pbtxt"
    assert path.exists(), f"commit what `slipway train {app.name}` wrote"
    assert path.read_text() == config_pbtxt(app, load_values(app.folder))


@pytest.mark.parametrize("section", SECTIONS)
def test_the_model_card_has_its_sections(app: AnyApp, section: str) -> None:
    card = (app.folder / "README.md").read_text()
    headings = re.findall(r"^#+ (.*)$", card, re.MULTILINE)
    assert any(section in heading.lower() for heading in headings), headings


def test_the_model_card_s_figures_are_between_markers(app: AnyApp) -> None:
    card = (app.folder / "README.md").read_text()
    assert card.splitlines().count(HEADING) == 1
    for block in blocks(card):
        pictures = re.findall(r"^!\[.*?\]\((.*?)\)$", block.text, re.MULTILINE)
        assert [path for path in pictures if not (app.folder / path).is_file()] == [], block.name


def test_the_model_card_says_what_is_synthetic(app: AnyApp) -> None:
    assert "synthetic" in (app.folder / "README.md").read_text().lower()


def test_there_is_a_recipe_of_this_app(app: AnyApp) -> None:
    assert find(app.name).app is app


def test_golden_cases_of_every_kind_are_there(app: AnyApp) -> None:
    cases = load_cases(app)
    assert {case.kind for case in cases} >= {"invariance", "direction", "refused"}
    assert all(case.expect.path.startswith("[0].") for case in cases if case.kind == "refused")
    assert len({case.name for case in cases}) == len(cases)
