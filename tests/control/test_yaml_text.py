from __future__ import annotations

import yaml

from control.yaml_text import dump


def test_what_stands_twice_is_written_twice_and_lines_stay_lines() -> None:
    shared = {"cpu": "1"}
    item = {"requests": shared, "limits": shared, "args": "one\ntwo\n"}
    text = dump(item, 80)
    assert text == "requests:\n  cpu: '1'\nlimits:\n  cpu: '1'\nargs: |\n  one\n  two\n"
    assert yaml.safe_load(text) == item
