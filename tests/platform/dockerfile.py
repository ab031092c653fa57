"""What tests read from `images/Dockerfile`: its stages, and the files that a stage of sources has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Stage", "chain", "gateway_sources", "sources", "stages"]

TOOLS = "RUN --mount=type=bind,from=tools,source=/opt/tools,target=/opt/tools "
"""How a stage runs something from the stage `tools` without containing it."""


@dataclass(frozen=True)
class Stage:
    """One `FROM BASE AS NAME` with its instructions, each on one line and without comments."""

    name: str
    base: str
    lines: tuple[str, ...]

    def values(self, instruction: str) -> list[str]:
        """What follows each instruction of that name."""
        return [line.partition(" ")[2] for line in self.lines if line.startswith(f"{instruction} ")]


def stages(root: Path) -> dict[str, Stage]:
    """Each by its name."""
    text = (root / "images" / "Dockerfile").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\s*\\\n\s*", " ", text)
    found = {}
    for part in re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]:
        head, *lines = part.splitlines()
        base, name = head.split(" AS ")
        found[name] = Stage(name, base, tuple(line for line in lines if line))
    return found


def chain(root: Path, name: str) -> list[Stage]:
    """The stages that a target consists of, from the one that is built on a published image to the target."""
    found = stages(root)
    made = [found[name]]
    while made[0].base in found:
        made.insert(0, found[made[0].base])
    return made


def sources(root: Path, stage: Stage) -> set[Path]:
    """The files that a stage copies to /src and does not remove. Knows the instructions that such stages use."""
    found: set[Path] = set()
    for line in stage.lines:
        if copied := re.fullmatch(r"COPY (?!-)(.+) /src/(\S*)", line):
            for word in copied[1].split():
                assert copied[2] in ("", word), line
                found |= _files(root / word)
        elif removed := re.fullmatch(r"RUN rm -r /src/(\S+)", line):
            folders = list(root.glob(removed[1]))
            assert folders, line
            found -= {file for folder in folders for file in _files(folder)}
        else:
            assert line == f"{TOOLS}/src/sources", line
    return found


def gateway_sources(root: Path) -> set[Path]:
    """The files that the gateway's image has from the repository, and those that its build needs."""
    return sources(root, stages(root)["gateway-sources"])


def _files(path: Path) -> set[Path]:
    if path.is_file():
        return {path}
    return {file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
