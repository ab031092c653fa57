from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from control.charts.render import CHART, ChartError, key, render


def broken(tmp_path: Path, text: str) -> Path:
    """A copy of the chart with one more template."""
    chart = tmp_path / "slipway"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "more.yaml").write_text(text)
    return chart


def test_objects_are_told_apart_by_kind_and_name() -> None:
    items = render({}, name="other", namespace="elsewhere")
    assert ("ServiceAccount", "other") in [key(item) for item in items]
    assert {item["metadata"]["namespace"] for item in items} == {"elsewhere"}


def test_what_a_template_refuses_is_said_in_helms_words(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match="templates/more.yaml.*not today"):
        render({}, broken(tmp_path, '{{ fail "not today" }}'))


def test_a_key_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match="more.yaml: the rendered text is not YAML.*duplicate key 'a'"):
        render({}, broken(tmp_path, "a: 1\na: 2\n"))


def test_a_folder_without_a_chart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match="Chart.yaml"):
        render({}, tmp_path)
