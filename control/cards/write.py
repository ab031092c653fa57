"""Write the block of a version into a card, or describe how the block differs from the version."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from control.cards import pictures
from control.cards.blocks import blocks, clean, replaced
from control.cards.figures import plain, text_of
from control.errors import CardError
from serving.kernel.storage.version_manifest import Manifest

__all__ = ["CARD", "Update", "read", "stale", "update"]

CARD = "README.md"


@dataclass(frozen=True)
class Update:
    """The result of writing a card."""

    path: Path
    name: str
    changed: bool
    pictures: tuple[str, ...]
    """Paths relative to the card."""


def read(folder: Path) -> str:
    """Read an app's card and check its markers. Raises `CardError` that names file and line."""
    path = folder / CARD
    try:
        text = path.read_text()
        blocks(text)
    except OSError as cause:
        raise CardError(f"{path}: cannot be read: {cause.strerror or cause}") from cause
    except CardError as cause:
        raise CardError(f"{path}: {cause}") from cause
    return text


def update(folder: Path, manifest: Manifest, plots: Path | None, name: str = "", force: bool = False) -> Update:
    """Write the block of a version into the card of the app in `folder`, and pictures beside the card.

    The block is named after the version's data, or `name`. Without `plots`, existing pictures stay. Refuses the
    figures of a synthetic version beside those of real data unless `force` is set. Raises `CardError`, and then
    changes nothing.
    """
    card = read(folder)
    own = _name(manifest, name)
    real = [block.name for block in blocks(card) if not block.synthetic]
    if manifest.synthetic and real and not force:
        raise CardError(
            f"version {manifest.version} is synthetic and the card has figures of real data ({', '.join(real)}); "
            "use --force to add its figures nevertheless"
        )
    # Replace the block without pictures first: a wrong marker must raise before any file is changed.
    _with_block(folder, card, own, manifest, ())
    place = folder / pictures.folder_of(own)
    shown = pictures.copy(plots, place) if plots is not None else pictures.chosen(place)
    paths = _paths(folder, shown)
    made = _with_block(folder, card, own, manifest, paths)
    if made != card:
        partial = folder / f".{CARD}.new"
        partial.write_text(made)
        os.replace(partial, folder / CARD)
    return Update(folder / CARD, own, made != card, paths)


def stale(folder: Path, manifest: Manifest, name: str = "") -> str:
    """Describe how the card differs from what `update` would write; empty if it does not. Changes nothing."""
    card, own = read(folder), _name(manifest, name)
    if own not in [block.name for block in blocks(card)]:
        return f"the card has no figures of {own!r}"
    paths = _paths(folder, pictures.chosen(folder / pictures.folder_of(own)))
    if _with_block(folder, card, own, manifest, paths) != card:
        return f"the figures of {own!r} are not those of version {manifest.version}"
    return ""


def _name(manifest: Manifest, name: str) -> str:
    own = clean(name or manifest.source)
    if not own:
        raise CardError(f"the data of version {manifest.version} has no name; give a name with --name")
    return own


def _paths(folder: Path, found: list[Path]) -> tuple[str, ...]:
    return tuple(path.relative_to(folder).as_posix() for path in found)


def _with_block(folder: Path, card: str, name: str, manifest: Manifest, paths: tuple[str, ...]) -> str:
    title = f"### {plain(name)}"
    try:
        return replaced(card, name, f"{title}\n\n{text_of(manifest, paths)}")
    except CardError as cause:
        raise CardError(f"{folder / CARD}: {cause}") from cause
