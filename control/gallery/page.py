"""Write the page from its entries. The template escapes every text, and the page works without a server."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markdown_it import MarkdownIt
from markupsafe import Markup

from control.cards.blocks import blocks, handwritten
from control.cards.figures import data_text, figure, gain_text, gate_text, headlines, origin_text, parity_text
from control.errors import CardError
from control.gallery.entries import Entry
from serving.kernel.storage.version_manifest import Metric

__all__ = ["INDEX", "write"]

INDEX = "index.html"
PLOTS = "plots"
TEMPLATE = Path(__file__).parent / "page.html.tmpl"


def write(entries: Sequence[Entry], folder: Path) -> Path:
    """Write `index.html` and the plots of all entries into a folder, and return the path of the page.

    Creates the folder if it is missing. Raises `CardError` if the folder cannot be written.
    """
    apps = [_shown(entry, folder) for entry in entries]
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE.read_text())
    text = template.render(apps=apps, made=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            _copy(entry, folder)
        partial = folder / f".{INDEX}.new"
        partial.write_text(text)
        os.replace(partial, folder / INDEX)
    except OSError as cause:
        raise CardError(f"--gallery: {folder} cannot be written: {cause.strerror or cause}") from cause
    return folder / INDEX


def _copy(entry: Entry, folder: Path) -> None:
    target = folder / PLOTS / entry.app
    shutil.rmtree(target, ignore_errors=True)
    for path in entry.plots:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.name)


def _shown(entry: Entry, folder: Path) -> dict[str, Any]:
    """Return the variables of the template for one entry."""
    shown: dict[str, Any] = {"name": entry.app, "summary": entry.summary, "card": _card(entry.card)}
    manifest = entry.manifest
    if manifest is None:
        return shown
    first, rest = headlines(manifest.metrics)
    return shown | {
        "version": manifest.version,
        "alias": "champion" if entry.champion else "newest",
        "others": ", ".join(map(str, entry.others)),
        "synthetic": manifest.synthetic,
        "data": _unescaped(data_text(manifest)),
        "gate": _unescaped(gate_text(manifest)),
        "passed": all(check.passed for check in manifest.gate),
        "checks": manifest.gate,
        "parity": _unescaped(parity_text(manifest.parity)),
        "origin": _unescaped(origin_text(manifest)),
        "tables": [[_row(metric) for metric in metrics] for metrics in (first, rest)],
        "plots": [(f"{PLOTS}/{entry.app}/{path.name}", path.stem.replace("_", " ")) for path in entry.plots],
        "missing": entry.missing,
    }


def _row(metric: Metric) -> dict[str, Any]:
    """Return the cells of a metric, and the lengths of its bars in percent; no bars if a value is negative."""
    values = [value for value in (metric.value, metric.baseline) if value is not None]
    longest = max(values)
    bars = [100 * value / longest for value in values] if min(values) >= 0 and 0 < longest < float("inf") else []
    return {
        "name": metric.name,
        "unit": metric.unit,
        "slice": metric.slice,
        "value": figure(metric.value),
        "baseline": figure(metric.baseline),
        "gain": gain_text(metric),
        "better": {"lower": "lower is better", "higher": "higher is better"}.get(metric.better, ""),
        "rows": f"{metric.rows:,}" if metric.rows else "",
        "bars": [f"{bar:.1f}" for bar in bars] if metric.baseline is not None else [],
    }


def _card(text: str) -> Markup:
    """Return hand-written Markdown as HTML. HTML in the Markdown is escaped; headings move down two levels."""
    try:
        blocks(text)
        text = handwritten(text)
    except CardError as cause:
        text = f"(The card's markers are wrong: {cause})\n\n{text}"
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"
    # The parser has escaped all text, and its output contains nothing else.
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704


def _unescaped(text: str) -> str:
    """Undo the escapes of Markdown, because the template escapes for HTML."""
    return re.sub(r"\\([\\|*`\[\]])", r"\1", text).replace("&lt;", "<").replace("&amp;", "&")
