"""Small copies of a run's plots, beside the card."""

from __future__ import annotations

import hashlib
import io
import os
import re
from pathlib import Path

from control.errors import CardError

__all__ = ["MOST", "chosen", "copy", "folder_of", "shrunk"]

MOST = 3
DRAWN_DPI, CARD_DPI = 110, 72
"""Resolutions of the plots in MLflow, and of the pictures beside a card."""
COLORS = 64
ORDER = (
    "error_by_slice",
    "f1_by_class",
    "reliability",
    "precision_recall",
    "coverage_by_slice",
    "confusion_matrix",
    "predicted_vs_actual",
    "feature_importance",
)
"""Plots that come first, by name; the others follow in alphabetical order."""


def folder_of(name: str) -> str:
    """Return the folder of a block's pictures, relative to the card. Each name has its own folder."""
    plain = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
    if len(plain) > 60 or plain != name.lower().replace(".", "-"):
        plain = f"{plain[:50].strip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
    return f"card/{plain}"


def chosen(folder: Path, most: int = MOST) -> list[Path]:
    """Return at most `most` PNG files of a folder, in the order of `ORDER`."""
    places = {name: place for place, name in enumerate(ORDER)}
    found = sorted(folder.glob("*.png"), key=lambda path: (places.get(path.stem, len(ORDER)), path.stem))
    return found[:most]


def copy(plots: Path, folder: Path) -> list[Path]:
    """Replace the pictures in `folder` by small copies of those in `plots`, and return them.

    Raises `CardError` for a plot that cannot be read, and then changes nothing.
    """
    made = {path.name: shrunk(path) for path in chosen(plots)}
    if made:
        folder.mkdir(parents=True, exist_ok=True)
    for name, picture in made.items():
        partial = folder / f".{name}.new"
        partial.write_bytes(picture)
        os.replace(partial, folder / name)
    for old in folder.glob("*.png"):
        if old.name not in made:
            old.unlink()
    return chosen(folder)


def shrunk(source: Path) -> bytes:
    """Return a smaller copy of a PNG file with few colors. Raises `CardError` for a file that is not PNG."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source, formats=["PNG"]) as picture:
            size = (round(picture.width * CARD_DPI / DRAWN_DPI), round(picture.height * CARD_DPI / DRAWN_DPI))
            small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    except (OSError, UnidentifiedImageError) as cause:
        raise CardError(f"{source.name}: the run's plot cannot be read as PNG: {cause}") from cause
    stream = io.BytesIO()
    small.quantize(COLORS).save(stream, "PNG", optimize=True)
    return stream.getvalue()
