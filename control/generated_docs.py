"""`python -m control.generated_docs`: write the documents that are made from the code. A test compares them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer

from control.cluster.settings import ClusterSettings
from control.settings import StackSettings
from serving.kernel.settings import Settings, describe

__all__ = ["commands", "main", "settings", "triton_rules"]

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- Written by `python -m control.generated_docs`. -->\n"

TRITON_HEAD = """\
# What `slipway triton lint` looks for

It reads each `config.pbtxt` of a model repository as Triton does, compares it with the ONNX graphs of the versions
that Triton would load, and ensembles with the models of their steps. No Triton is needed. A finding names file,
line and key, the value, what was expected and, where it can be told, the fix:

    model-repository/price/config.pbtxt:9  error  T140
    input[0].dims: [65]; expected [64], as the graph has [-1, 64] of version 3

An error keeps the model from loading, or makes every request fail; a warning is a setting that does nothing, or
not what it seems to do. The exit code is 1 when there are errors, with `--strict` also when there are warnings.

What it cannot know: which GPUs a server has, which operators its ONNX Runtime has, how much memory there is.
Graphs of other backends than ONNX Runtime are not opened: for those the text alone is checked.

The rules are held against a corpus of mistakes and a real tritonserver: what the linter passes is loaded, and what
the server refuses was named. That server runs the Python stand-in for the ONNX Runtime backend, which does not
compare the graph with the configuration; for those rules (T131 to T136, T140 to T142, T147, T148, T181, T190,
T191) what NVIDIA's backend refuses is known from its sources alone.
"""


def settings() -> str:
    """docs/settings.md"""
    shared = {name for name, _, _ in describe(Settings)}
    rows = describe(StackSettings)
    return "\n".join(
        [
            NOTE,
            "# Settings",
            "",
            "Read once from the environment. An app's own settings are in its `values.yaml`.",
            "",
            "## The data plane",
            "",
            *_table([row for row in rows if row[0] in shared]),
            "",
            "## The local stack",
            "",
            *_table([row for row in rows if row[0] not in shared]),
            "",
            "## Training on a cluster",
            "",
            *_table(describe(ClusterSettings)),
            "",
            "`MLFLOW_TRACKING_URI` makes commands use that MLflow instead of the local stack's. `SLIPWAY_DSN` is",
            "the database that `slipway train --query` asks. Buckets (`s3://`) take credentials and endpoint from",
            "`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` and `AWS_ENDPOINT_URL`.",
            "",
        ]
    )


def commands() -> str:
    """docs/commands.md"""
    from control.cli import app

    lines = [NOTE, "# Commands", ""]
    for name, command in _walk(typer.main.get_command(app), "slipway"):
        lines += [f"## {name}", "", *_paragraphs(command.help or ""), ""]
        lines += [f"- `{' '.join(_names(item))}` {_text(item)}" for item in command.params if _shown(item)]
        lines += ["", f"{command.epilog or ''}", ""]
    return "\n".join(lines)


def triton_rules() -> str:
    """docs/triton-lint.md"""
    from control.lint.rules import triton_rules

    rows = [f"| {rule.id} | {rule.severity} | {rule.title} | {rule.why} |" for rule in triton_rules().values()]
    table = ["| rule | severity | what | why |", "|---|---|---|---|", *rows, ""]
    return "\n".join([NOTE, *TRITON_HEAD.splitlines(), "", *table])


def main() -> None:
    """Write all of them."""
    (DOCS / "settings.md").write_text(settings())
    (DOCS / "commands.md").write_text(commands())
    (DOCS / "triton-lint.md").write_text(triton_rules())


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    body = [f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in rows]
    return ["| variable | default | what it is |", "|---|---|---|", *body]


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    subcommands: dict[str, click.Command] = getattr(command, "commands", {})
    if not subcommands:
        yield path, command
    for name, inner in subcommands.items():
        yield from _walk(inner, f"{path} {name}")


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _names(item: Any) -> list[str]:
    return [item.name.upper()] if item.param_type_name == "argument" else [", ".join(item.opts)]


def _text(item: Any) -> str:
    return getattr(item, "help", "") or ""


def _shown(item: Any) -> bool:
    return "--help" not in item.opts


if __name__ == "__main__":
    main()
