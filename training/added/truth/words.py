"""What a card and the registry say of how good a model is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from serving.kernel.storage.version_manifest import Manifest, Metric

__all__ = ["UNKNOWN", "judgement", "sentence"]

UNKNOWN = "It is not known whether the model was trained on these rows. If it was, the figures are too good."


def sentence(manifest: Manifest) -> str:
    """The verdict and the first figure, for lists."""
    if not manifest.gate:
        return "not judged"
    text = f"passed {len(manifest.gate)} checks of the gate on {manifest.split.get('data', '')}"
    for metric in manifest.metrics[:1]:
        text += f"; {metric.name} {metric.value:.4g}, baseline {metric.baseline:.4g}"
    return text


def judgement(manifest: Manifest) -> list[str]:
    """Lines of Markdown: metrics beside the naive baseline and the gate, or that the model was not judged."""
    if not manifest.gate:
        return ["Its answers were **not judged**: no rows with known answers were given."]
    split = manifest.split
    how = {
        "time": f"split by time (`{split['column']}`): measured on the later half",
        "group": f"split by whole groups (`{split['column']}`): measured on about half of them",
        "random": "split at random: measured on about half of the rows",
    }[split["kind"]]
    return [
        "## How good it is",
        "",
        f"The known answers are the column `{split['label']}` of {split['data']}, {how}.",
        "",
        *_table(
            ("metric", "slice", "value", "naive baseline", "gain, 95 % interval"), map(_cells, manifest.metrics)
        ),
        "",
        *_table(
            ("gate check", "verdict", "measured", "required"),
            ((c.name, "passed" if c.passed else "FAILED", c.measured, c.required) for c in manifest.gate),
        ),
        "",
        UNKNOWN,
    ]


def _cells(metric: Metric) -> Sequence[str]:
    gain = "" if metric.gain_low is None else f"{metric.gain_low:.3g} to {metric.gain_high:.3g}"
    baseline = "" if metric.baseline is None else f"{metric.baseline:.4g}"
    return (metric.name, metric.slice, f"{metric.value:.4g}", baseline, gain)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
