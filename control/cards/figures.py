"""The facts of a manifest as Markdown: data, metrics, gate, parity, origin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from control.cards.blocks import SYNTHETIC
from serving.kernel.storage.version_manifest import Manifest, Metric, Parity

__all__ = [
    "allowed_text",
    "data_text",
    "figure",
    "gain_text",
    "gate_text",
    "headlines",
    "origin_text",
    "parity_text",
    "plain",
    "text_of",
]

MOST_HEADLINES = 16
"""Number of metrics shown; the others are folded away."""
COLUMNS = ("metric", "slice", "version", "naive baseline", "gain, 95 % interval", "rows")
PARTS = ("train", "validation", "test")
DIGITS = 12
"""Number of characters shown of a digest."""


def text_of(manifest: Manifest, pictures: Sequence[str] = ()) -> str:
    """Return the text between the markers. `pictures` are paths relative to the card."""
    first, rest = headlines(manifest.metrics)
    parts = [SYNTHETIC] if manifest.synthetic else []
    parts.append(data_text(manifest))
    if manifest.notes:
        parts.append("\n".join(["Notes on the data:", "", *(f"- {plain(text)}" for text in manifest.notes)]))
    if manifest.allowed_columns:
        parts.append(allowed_text(manifest))
    parts.append(_table(COLUMNS, map(_cells, first)))
    if rest:
        parts.append(_folded(f"{len(rest)} more figures", _table(COLUMNS, map(_cells, rest))))
    checks = [(c.name, "passed" if c.passed else "FAILED", c.measured, c.required) for c in manifest.gate]
    parts.append(f"{gate_text(manifest)} {parity_text(manifest.parity)}")
    parts.append(_folded("The gate", _table(("check", "verdict", "measured", "required"), checks)))
    parts.append(origin_text(manifest))
    parts += [f"![{_words(path)}]({path})" for path in pictures]
    return "\n\n".join(_escaped_end(part) for part in parts)


def headlines(metrics: Sequence[Metric]) -> tuple[list[Metric], list[Metric]]:
    """Split metrics into those to show first and the rest.

    A metric whose gain has an interval on any slice is shown first, with all of its slices.
    """
    judged = {metric.name for metric in metrics if metric.gain_low is not None}
    if not judged:
        judged = {metric.name for metric in metrics if metric.baseline is not None}
    first = [metric for metric in metrics if metric.name in judged][:MOST_HEADLINES]
    return first, [metric for metric in metrics if metric not in first]


def data_text(manifest: Manifest) -> str:
    """Return version, data, numbers of rows and split."""
    if manifest.added and not manifest.rows:
        source = f"{plain(manifest.source)} (SHA-256 {manifest.dataset_sha256[:DIGITS]})"
        return f"Version {manifest.version}, added from {source}."
    names = [name for name in PARTS if name in manifest.rows] or list(manifest.rows)
    rows = ", ".join(f"{manifest.rows[name]:,} {name}" for name in names)
    return (
        f"Version {manifest.version} on {plain(manifest.source)} (SHA-256 {manifest.dataset_sha256[:DIGITS]}). "
        f"Rows: {rows or 'not recorded'}. Split: {_split(manifest.split)}."
    )


def allowed_text(manifest: Manifest) -> str:
    """Return the warning that names the columns which look like leaks and were kept."""
    names = ", ".join(manifest.allowed_columns)
    return f"**Kept on request although they look like leaks of the answer: {plain(names)}.**"


def gate_text(manifest: Manifest) -> str:
    """Return the verdict of the gate as a sentence."""
    if manifest.added and not manifest.gate:
        return "Gate: not judged, because no rows with known answers were given."
    failed = [check.name for check in manifest.gate if not check.passed]
    if failed:
        return f"Gate: FAILED {plain(', '.join(failed))}."
    return f"Gate: passed {len(manifest.gate)} checks."


def parity_text(report: Sequence[Parity]) -> str:
    """Return the largest error and the number of flips."""
    if not report:
        return "Parity: not recorded."
    worst = max(report, key=lambda line: line.max_error)
    pairs = ", ".join(dict.fromkeys(line.pair for line in report))
    return (
        f"Parity: the largest error is {worst.max_error:.2g} of {worst.tolerance:g} allowed "
        f"(output {worst.output}, {worst.pair}); {sum(line.flips for line in report)} flips over "
        f"{max(line.rows for line in report):,} rows ({pairs})."
    )


def origin_text(manifest: Manifest) -> str:
    """Return time, commit and libraries."""
    libraries = ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())
    commit, mark, changes = manifest.git_commit.partition("+")
    return plain(
        f"Made {manifest.created} from commit {commit[:DIGITS] or 'unknown'}{mark}{changes}; "
        f"{libraries or 'no libraries recorded'}."
    )


def figure(value: float | None) -> str:
    """Return a number rounded for people; an empty text for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if math.isfinite(value) and abs(value) >= 10_000 else f"{value:.4g}"


def gain_text(metric: Metric) -> str:
    """Return the interval of the gain over the baseline; an empty text if it is not known."""
    if metric.gain_low is None or metric.gain_high is None:
        return ""
    return f"{metric.gain_low:.3g} to {metric.gain_high:.3g}"


def _cells(metric: Metric) -> tuple[str, ...]:
    name = f"{metric.name}, {metric.unit}" if metric.unit else metric.name
    rows = f"{metric.rows:,}" if metric.rows else ""
    return (name, metric.slice, figure(metric.value), figure(metric.baseline), gain_text(metric), rows)


def _split(split: dict[str, Any]) -> str:
    """Return the kind of split, its column, and its other scalar settings."""
    if not split:
        return "not recorded"
    head = f"by {split.get('kind', 'unknown kind')}"
    if split.get("column"):
        head += f" ({split['column']})"
    others = {
        name: str(value).removesuffix("T00:00:00")
        for name, value in split.items()
        if name not in ("kind", "column") and isinstance(value, (str, int, float)) and value != ""
    }
    return plain(", ".join([head, *(f"{name} {value}" for name, value in others.items())]))


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = [f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *body])


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def _words(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".png").replace("_", " ")


def plain(text: str) -> str:
    """Escape text from data, on one line, so that Markdown shows it unchanged."""
    flat = " ".join(text.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for mark in "|*`[]":
        flat = flat.replace(mark, f"\\{mark}")
    return flat


def _escaped_end(text: str) -> str:
    """Escape what would look like a marker in the text of a version."""
    return text.replace("<!--", "&lt;!--")
