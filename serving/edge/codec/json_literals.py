"""NaN and infinity in JSON as many programs write them, although JSON has no such numbers: NaN, Infinity, Inf."""

from __future__ import annotations

__all__ = ["spell_out"]

BACKSLASH, QUOTE, MARK = b"\0\0", b"\0\1", b"\0\2"
"""Stand-ins while the text is searched. No JSON text has these bytes."""


def spell_out(text: bytes) -> bytes | None:
    """The text as JSON: null for NaN, "Infinity" and "-Infinity" for infinity. None if it has no such literal.

    Every step is one pass in C over the text, because any client may send a large one.
    """
    if (b"NaN" not in text and b"Inf" not in text) or b"\0" in text:
        return None
    # With escapes out of the way, every second part between quotation marks is the inside of a string.
    parts = text.replace(b"\\\\", BACKSLASH).replace(b'\\"', QUOTE).split(b'"')
    parts[::2] = map(_spelled, parts[::2])
    return b'"'.join(parts).replace(QUOTE, b'\\"').replace(BACKSLASH, b"\\\\")


def _spelled(part: bytes) -> bytes:
    if b"N" not in part and b"I" not in part:
        return part
    part = part.replace(b"NaN", b"null").replace(b"Infinity", b"Inf")
    return (
        part.replace(b"-Inf", b'"-' + MARK + b'"').replace(b"Inf", b'"' + MARK + b'"').replace(MARK, b"Infinity")
    )
