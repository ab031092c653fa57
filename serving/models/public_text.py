"""Texts for callers, from the texts of other libraries' errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["without_paths"]

QUOTED_PATH = re.compile(r"""(['"])(?:file://)?/([^'"\n]*)\1""")
PLAIN_PATH = re.compile(r"""(?:file://|(?<![\w./~-]))/(?:[^\s/'"`,;:()<>|]+/)*([^\s/'"`,;:()<>|]+)/?""")


def without_paths(text: str, folders: Iterable[Path] = ()) -> str:
    """Cut absolute paths to their last name, and those below one of the `folders` to what is below it.

    The errors of the operating system and of engines name files of the server, which are nobody else's business.
    """
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    text = QUOTED_PATH.sub(lambda found: f"{found[1]}{found[2].rstrip('/').rpartition('/')[2]}{found[1]}", text)
    return PLAIN_PATH.sub(lambda found: found[1], text)
