"""The generated blocks of a model card. A block lies between two markers; all other text is hand-written.

<!-- figures: NAME -->
...
<!-- end of figures -->
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from control.errors import CardError

__all__ = ["HEADING", "SYNTHETIC", "Block", "blocks", "clean", "handwritten", "replaced"]

HEADING = "## Metrics beside the naive baseline"
"""A new block is written below this heading."""
SYNTHETIC = "**Trained on SYNTHETIC data: these figures say nothing about real data.**"
"""The warning in the block of a version that was trained on synthetic data."""

START = re.compile(r"<!-- figures: (\S(?:.*\S)?) -->")
END = "<!-- end of figures -->"
MARKER = re.compile(r"<!--\s*(end of )?figures\b", re.IGNORECASE)
"""Matches misspelled markers too, so that they are reported."""
LONGEST_NAME = 120


@dataclass(frozen=True)
class Block:
    """One block: its name, the lines of its markers (from 0), and the text between them."""

    name: str
    first: int
    last: int
    text: str

    @property
    def synthetic(self) -> bool:
        """Whether the block has the warning about synthetic data."""
        return SYNTHETIC in self.text


def clean(name: str) -> str:
    """Return the name in a form that fits a marker: on one line, without the end of an HTML comment."""
    return re.sub(r"<!-+|-+->", " ", " ".join(name.split()))[:LONGEST_NAME].strip()


def blocks(card: str) -> list[Block]:
    """Return the blocks of a card, in order. Raises `CardError` that names the line of a wrong marker."""
    found: list[Block] = []
    lines = card.splitlines()
    name, first = "", -1
    for number, line in enumerate(lines):
        if not MARKER.search(line):
            continue
        start = START.fullmatch(line.strip())
        if start and first >= 0:
            raise CardError(f"line {number + 1}: a block starts before the block of line {first + 1} ends")
        if start:
            name, first = start[1], number
            _refuse_twice(name, number, found)
        elif line.strip() != END:
            raise CardError(
                f"line {number + 1}: malformed marker; expected `<!-- figures: NAME -->` or `{END}` on a line"
            )
        elif first < 0:
            raise CardError(f"line {number + 1}: the end of a block without its start")
        else:
            found.append(Block(name, first, number, "\n".join(lines[first + 1 : number])))
            first = -1
    if first >= 0:
        raise CardError(f"line {first + 1}: the block {name!r} has no end; expected `{END}` below it")
    return found


def replaced(card: str, name: str, text: str) -> str:
    """Return the card with `text` in the block `name`, or in a new block below the heading. Raises `CardError`."""
    lines = card.splitlines()
    found = blocks(card)
    made = [f"<!-- figures: {name} -->", *text.splitlines(), END]
    own = next((block for block in found if block.name == name), None)
    if own is not None:
        lines[own.first : own.last + 1] = made
        return "\n".join(lines) + "\n"
    start, end = _section(lines)
    before = [block.last for block in found if start < block.last < end]
    if before:
        lines[before[-1] + 1 : before[-1] + 1] = ["", *made]
    else:
        lines[start + 1 : start + 1] = [*made, ""]
    return "\n".join(lines) + "\n"


def handwritten(card: str) -> str:
    """Return the card without its blocks."""
    lines = card.splitlines()
    for block in reversed(blocks(card)):
        del lines[block.first : block.last + 1]
    return "\n".join(lines) + "\n"


def _refuse_twice(name: str, number: int, found: list[Block]) -> None:
    for block in found:
        if block.name == name:
            raise CardError(f"line {number + 1}: the block {name!r} already exists in line {block.first + 1}")


def _section(lines: list[str]) -> tuple[int, int]:
    """Return the lines of the heading and of the next heading of the same or a higher level."""
    places = [number for number, line in enumerate(lines) if line.rstrip() == HEADING]
    if len(places) != 1:
        raise CardError(f"the heading {HEADING!r} must occur once; it occurs {len(places)} times")
    later = (number for number in range(places[0] + 1, len(lines)) if re.match(r"#{1,2} ", lines[number]))
    return places[0], next(later, len(lines))
