from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from control.charts.readme import options, readme

VALUES = """\
# The name.
name: x

# All of it.
part:
  # How many; one
  # or two.
  count: 2
  plain: a|b
"""


def test_the_readme_is_current(root: Path) -> None:
    found = (root / "charts" / "slipway" / "README.md").read_text()
    assert found == readme(), "out of date: run `python -m control.charts`"


def test_comments_become_rows() -> None:
    rows = [(option.path, option.default, option.text) for option in options(VALUES)]
    assert rows == [
        ("name", '"x"', "The name."),
        ("part", "", "All of it."),
        ("part.count", "2", "How many; one or two."),
    ]


def test_a_value_whose_keys_have_no_comments_is_shown_whole() -> None:
    (option,) = options("# Both.\npair:\n  a: x|y\n  b: []\n")
    assert option.default == '{"a": "x\\|y", "b": []}'


def test_every_value_has_a_comment_of_its_own_or_above_it(root: Path) -> None:
    text = (root / "charts" / "slipway" / "values.yaml").read_text()
    explained = {option.path for option in options(text)}

    def bare(values: dict[str, Any], path: str) -> list[str]:
        found = []
        for name, value in values.items():
            here = f"{path}{name}"
            inner = any(each.startswith(f"{here}.") for each in explained)
            if isinstance(value, dict) and inner:
                found += bare(value, f"{here}.")
            elif not any(each in explained for each in (here, path.rstrip("."))):
                found.append(here)
        return found

    assert bare(yaml.safe_load(text), "") == []
