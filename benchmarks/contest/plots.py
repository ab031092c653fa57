"""The pictures of a benchmark, as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure as Picture
from matplotlib.text import Text

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.goals import plural
from benchmarks.contest.results import Middle, Results
from benchmarks.contest.workloads import WORKLOADS

__all__ = ["draw"]

COLOURS = {1: "#8fb8de", 16: "#3f7fbf", 64: "#123a63"}
OURS = "#c8501e"


def draw(results: Results, folder: Path) -> list[Path]:
    """Write every picture there are figures for; returns the SVG files."""
    drawn = []
    for name, picture in (
        ("rates", _rates(results)),
        ("latency", _latency(results)),
        ("open-loop", _open(results)),
    ):
        if picture is None:
            continue
        for suffix in ("svg", "png"):
            picture.savefig(folder / f"{name}.{suffix}", dpi=150, bbox_inches="tight")
        drawn.append(folder / f"{name}.svg")
    return drawn


def _names(results: Results) -> list[str]:
    """Contestants of the first workload, fastest at 64 clients last."""
    found = {name: results.rate("json", name, 64) for name in CONTESTANTS}
    rated = {name: rate.median for name, rate in found.items() if rate is not None}
    return sorted(rated, key=lambda name: rated[name])


def _rates(results: Results) -> Picture | None:
    names = _names(results)
    if not names:
        return None
    picture = Picture(figsize=(9, 0.5 * len(names) + 1.5))
    axes = picture.subplots()
    for offset, clients in enumerate(WORKLOADS["json"].clients):
        rates = [results.rate("json", name, clients) or Middle(0, 0, 0) for name in names]
        places = [index + (offset - 1) * 0.27 for index in range(len(names))]
        errors = [[r.median - r.low for r in rates], [r.high - r.median for r in rates]]
        medians = [rate.median for rate in rates]
        axes.barh(places, medians, 0.25, xerr=errors, color=COLOURS[clients], label=plural(clients))
    axes.set_xscale("log")
    axes.set_xlim(left=50)
    axes.set_yticks(range(len(names)), names)
    _mark_ours(axes.get_yticklabels())
    axes.set_xlabel("requests per second (log)")
    axes.set_title(WORKLOADS["json"].title)
    axes.legend(loc="lower right", frameon=False)
    return picture


def _latency(results: Results) -> Picture | None:
    names = _names(results)
    if not names:
        return None
    picture = Picture(figsize=(9, 0.35 * len(names) + 1.5))
    axes = picture.subplots()
    for index, name in enumerate(names):
        times = [
            results.figure("json", name, 64, take)
            for take in (lambda f: f.sample.p50_ms, lambda f: f.sample.p99_ms, lambda f: f.sample.p999_ms)
        ]
        values = [time.median for time in times if time is not None]
        colour = OURS if name.startswith("slipway") else COLOURS[16]
        axes.plot(values, [index] * len(values), color=colour, marker="|", markersize=10)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    _mark_ours(axes.get_yticklabels())
    axes.set_xlabel("ms: p50, p99, p99.9 at 64 clients (log)")
    axes.set_title(WORKLOADS["json"].title)
    return picture


def _open(results: Results) -> Picture | None:
    if not results.open:
        return None
    picture = Picture(figsize=(9, 4))
    axes = picture.subplots()
    for name in dict.fromkeys(item.contestant for item in results.open):
        found = [item for item in results.open if item.contestant == name]
        rates = [item.rate for item in found]
        (line,) = axes.plot(rates, [item.outcome.p99_ms for item in found], marker="o", label=f"{name} p99")
        axes.plot(rates, [item.outcome.p50_ms for item in found], marker=".", ls=":", color=line.get_color())
    axes.set_yscale("log")
    axes.set_xlabel("requests due per second: 50, 80 and 120 % of each one's capacity")
    axes.set_ylabel("ms from when due (log); dotted: p50")
    axes.set_title(f"Open loop: {WORKLOADS['json'].title}")
    axes.legend(frameon=False)
    return picture


def _mark_ours(labels: Sequence[Text]) -> None:
    for label in labels:
        if label.get_text().startswith("slipway"):
            label.set_color(OURS)
