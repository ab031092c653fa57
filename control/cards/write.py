"""One card and one version: write the version's block, or say how the block differs from the version."""

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
    """What was done with a card."""

    path: Path
    name: str
    changed: bool
    pictures: tuple[str, ...]
    """Paths from the card."""


def read(folder: Path) -> str:
    """An app's card, its markers checked. Raises `CardError` naming file and line."""
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
    """Write the block of a version's data into the card of the app in `folder`, and its pictures beside the card.

    Without `plots` the pictures that are there stay. `name` is the block's name instead of the data's. A synthetic
    version is refused beside real ones, unless `force`. Raises `CardError`; then nothing was changed.
    """
    card = read(folder)
    own = _name(manifest, name)
    real = [block.name for block in blocks(card) if not block.synthetic]
    if manifest.synthetic and real and not force:
        raise CardError(
            f"version {manifest.version} is synthetic and the card has figures of real data ({', '.join(real)}); "
            "--force adds it all the same"
        )
    # The card first without pictures: a marker that is wrong must stop this before a file is touched.
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
    """How the card differs from what `update` would write, in words; empty when it does not. Changes nothing."""
    card, own = read(folder), _name(manifest, name)
    if own not in [block.name for block in blocks(card)]:
        return f"there are no figures of {own!r}"
    paths = _paths(folder, pictures.chosen(folder / pictures.folder_of(own)))
    if _with_block(folder, card, own, manifest, paths) != card:
        return f"the figures of {own!r} are not those of version {manifest.version}"
    return ""


def _name(manifest: Manifest, name: str) -> str:
    own = clean(name or manifest.source)
    if not own:
        raise CardError(f"version {manifest.version} has no name for its data; give one with --name")
    return own


def _paths(folder: Path, found: list[Path]) -> tuple[str, ...]:
    return tuple(path.relative_to(folder).as_posix() for path in found)


def _with_block(folder: Path, card: str, name: str, manifest: Manifest, paths: tuple[str, ...]) -> str:
    title = f"### {plain(name)}"
    try:
        return replaced(card, name, f"{title}\n\n{text_of(manifest, paths)}")
    except CardError as cause:
        raise CardError(f"{folder / CARD}: {cause}") from cause
