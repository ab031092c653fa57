"""`control/README.md` leads to everything in `control/`."""

from __future__ import annotations

import re
from pathlib import Path

from control.cli import COMMANDS

LINK = re.compile(r"\]\(([^)#\s:]+)\)")


def links(root: Path) -> set[str]:
    return set(LINK.findall((root / "control" / "README.md").read_text()))


def test_every_module_and_folder_of_control_is_in_the_table(root: Path) -> None:
    control = root / "control"
    files = {path.name for path in control.glob("*.py") if path.name != "__init__.py"}
    folders = {path.parent.relative_to(control).as_posix() for path in control.glob("*/__init__.py")}
    assert files | folders <= links(root)
    assert {f"commands/{path.parent.name}" for path in control.glob("commands/*/__init__.py")} <= links(root)


def test_the_table_names_every_command_beside_its_subject(root: Path) -> None:
    text = (root / "control" / "README.md").read_text()
    found = re.findall(r"\[(\w+)/\]\(commands/\w+\) \(([^)]*)\)", text)
    assert {subject for subject, _ in found} == {path.partition(".")[0] for path in COMMANDS.values()}
    for subject, listed in found:
        commands = {path.partition(".")[2] for path in COMMANDS.values() if path.startswith(f"{subject}.")}
        assert set(listed.split(", ")) == commands


def test_the_example_is_a_command(root: Path) -> None:
    module = COMMANDS["promote"].replace(".", "/")
    assert f"commands/{module}.py" in links(root)
