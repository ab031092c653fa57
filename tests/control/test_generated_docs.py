from __future__ import annotations

import re
from pathlib import Path

from control.cli import COMMANDS
from control.generated_docs import commands, settings, triton_rules
from control.lint.rules import triton_rules as rules
from serving.observe.metrics import Metrics

FRESH = "out of date: run `python -m control.generated_docs`"


def test_every_setting_is_documented(root: Path) -> None:
    assert (root / "docs" / "settings.md").read_text() == settings(), FRESH


def test_every_command_is_documented_with_an_example(root: Path) -> None:
    text = commands()
    assert (root / "docs" / "commands.md").read_text() == text, FRESH
    for words in COMMANDS:
        section = text.split(f"## slipway {words}\n")[1].split("\n## ")[0]
        assert re.search(r"Examples?: ", section), words


def test_every_rule_of_the_triton_linter_is_documented(root: Path) -> None:
    text = triton_rules()
    assert (root / "docs" / "triton-lint.md").read_text() == text, FRESH
    assert re.findall(r"^\| (T\d+) \|", text, re.M) == sorted(rules())


def test_every_metric_is_documented_and_every_documented_metric_exists(root: Path) -> None:
    metrics = Metrics()
    emitted = set()
    for family in metrics._registry.collect():
        emitted.add(f"{family.name}_total" if family.type == "counter" else family.name)
    documented = set(re.findall(r"^\| `(slipway_\w+)`", (root / "docs" / "metrics.md").read_text(), re.M))
    assert documented == emitted
