"""The card of an added model: what it takes and gives, how it is served, and what was proved."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from serving.kernel.added.columns import AddedContext
from serving.kernel.storage.version_manifest import Manifest
from serving.kernel.tensors import TensorSpec
from training.added.truth.words import judgement

__all__ = ["card"]

MOST_COLUMNS = 50


def card(manifest: Manifest, context: AddedContext) -> str:
    """The text of `README.md` beside the versions, of the newest one."""
    example = msgspec.json.format(msgspec.json.encode({"instances": [context.example]})).decode()
    shown = example if len(example) < 4000 else "(too long to show)"
    lines = [
        f"# {manifest.model}",
        "",
        f"Added from `{manifest.source}` by `slipway add`, without an app.",
        "",
        *judgement(manifest),
        "",
        "## What it takes and gives",
        "",
        *_tensors("input", manifest.inputs),
        *_tensors("output", manifest.outputs),
        "",
        *_columns(context),
        "",
        "## How it is served",
        "",
        *(f"- {note}" for note in manifest.notes),
        "",
        "| parity | output | rows | largest difference | allowed |",
        "|---|---|---|---|---|",
        *(f"| {p.pair} | {p.output} | {p.rows} | {p.max_error:.2g} | {p.tolerance:g} |" for p in manifest.parity),
        "",
        f"A question for `POST /v1/models/{manifest.model}:predict`:",
        "",
        "```json",
        shown,
        "```",
        "",
    ]
    return "\n".join(lines)


def _tensors(role: str, specs: Iterable[TensorSpec]) -> list[str]:
    return [f"- {role} `{spec.name}`: {spec.datatype} {list(spec.shape)}" for spec in specs]


def _columns(context: AddedContext) -> list[str]:
    names = [f"`{column.name}`{' (may be null)' if column.optional else ''}" for column in context.columns]
    more = f" and {len(names) - MOST_COLUMNS} more" if len(names) > MOST_COLUMNS else ""
    found = [f"Columns of a question, in the order of arrays: {', '.join(names[:MOST_COLUMNS])}{more}."]
    if context.labels:
        found.append(f"Classes: {', '.join(context.labels)}.")
    return found
