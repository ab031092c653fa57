"""Lines of cron as the API server and its operators read them, and names of time zones."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

__all__ = ["line_problem", "zone_problem"]

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAYS = "sun mon tue wed thu fri sat".split()
_FIELDS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, {name: i + 1 for i, name in enumerate(_MONTHS)}),
    (0, 6, {name: i for i, name in enumerate(_DAYS)}),
)
"""Least and most of each field, and the names of its values."""
_SHORT = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_DURATION = re.compile(r"[-+]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+|0")
_ZONE_PART = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")


def line_problem(line: str) -> str:
    """Return why a line cannot be read, or an empty text."""
    for prefix in ("TZ=", "CRON_TZ="):
        if line.startswith(prefix):
            line = line.partition(" ")[2].strip()
    if line.startswith("@"):
        return _short(line)
    fields = line.split()
    if not line:
        return "empty spec string"
    if len(fields) != 5:
        shown = " ".join(fields)
        return f"expected exactly 5 fields, found {len(fields)}: [{shown}]"
    problems = (_field(text, *known) for text, known in zip(fields, _FIELDS, strict=True))
    return next((problem for problem in problems if problem), "")


def zone_problem(name: str) -> str:
    """Return why the name of a time zone is refused, or an empty text."""
    if not name:
        return "timeZone must be nil or non-empty string"
    for part in name.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            return f"unknown time zone {name}"
    if name.lower() == "local":
        return "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
    known = _zones()
    return "" if not known or name in known else f"unknown time zone {name}"


@cache
def _zones() -> frozenset[str]:
    """Return the zones of this machine; none where it has no list of them."""
    return frozenset(zoneinfo.available_timezones())


def _short(line: str) -> str:
    if line in _SHORT:
        return ""
    if line.startswith("@every "):
        given = line.removeprefix("@every ")
        return (
            ""
            if _DURATION.fullmatch(given)
            else f'failed to parse duration {line}: time: invalid duration "{given}"'
        )
    return f"unrecognized descriptor: {line}"


def _field(text: str, least: int, most: int, names: dict[str, int]) -> str:
    parts = [part for part in text.split(",") if part]
    return next((problem for part in parts if (problem := _part(part, least, most, names))), "")


def _part(text: str, least: int, most: int, names: dict[str, int]) -> str:
    span, *steps = text.split("/")
    first, *last = span.split("-")
    if first in ("*", "?"):
        # Behind a star, the server reads no range.
        numbers: list[int | str] = [least, most]
    elif len(last) > 1:
        return f"too many hyphens: {text}"
    else:
        numbers = [_number(first, names), _number(last[0], names) if last else _number(first, names)]
    if len(steps) > 1:
        return f"too many slashes: {text}"
    step = _number(steps[0], {}) if steps else 1
    for value in (*numbers, step):
        if isinstance(value, str):
            return value
    start, end = (value for value in numbers if isinstance(value, int))
    if steps and not last and first not in ("*", "?"):
        end = most
    return _order(text, start, end, step if isinstance(step, int) else 1, (least, most))


def _order(text: str, start: int, end: int, step: int, bounds: tuple[int, int]) -> str:
    if start < bounds[0]:
        return f"beginning of range ({start}) below minimum ({bounds[0]}): {text}"
    if end > bounds[1]:
        return f"end of range ({end}) above maximum ({bounds[1]}): {text}"
    if start > end:
        return f"beginning of range ({start}) beyond end of range ({end}): {text}"
    return f"step of range should be a positive number: {text}" if step == 0 else ""


def _number(text: str, names: dict[str, int]) -> int | str:
    """Return the value, or why it is none."""
    if text.lower() in names:
        return names[text.lower()]
    if re.fullmatch(r"\+?\d+", text, re.ASCII):
        return int(text)
    if re.fullmatch(r"-\d+", text, re.ASCII):
        return f"negative number ({text}) not allowed: {text}"
    return f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
